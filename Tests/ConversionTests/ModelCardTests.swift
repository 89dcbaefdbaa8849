import Bytes
import Foundation
import GGUF
import JSON
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// Licence, languages, tags and their like, from a card into a GGUF, into a folder and back.
@Suite struct ModelCardTests {
  struct Example: Sendable, CustomTestStringConvertible {
    let card: String
    let keys: [String: JSONValue]
    var testDescription: String { card.debugDescription }
  }

  static let examples: [Example] = {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden/cards.json")
    guard let bytes = try? Data(contentsOf: path), let golden = try? JSONValue(parsing: [UInt8](bytes)) else {
      Issue.record("cards.json cannot be read")
      return []
    }
    return (golden.array ?? []).map {
      Example(card: $0["card"]?.string ?? "", keys: $0["keys"]?.object ?? [:])
    }
  }()

  private static func json(_ value: MetadataValue) -> JSONValue? {
    value.string.map { .string($0) } ?? value.strings.map { .array($0.map { .string($0) }) }
      ?? value.integer.map { .integer($0) }
  }

  @Test(arguments: examples) func keysAreThoseOfTheConverterOfLlamaCpp(_ example: Example) {
    var keys: [String: JSONValue] = [:]
    for (key, value) in ModelCard.metadata(of: Array(example.card.utf8)) { keys[key] = Self.json(value) }
    #expect(keys == example.keys)
  }

  @Test(arguments: [
    "---\nlicense: [mit\n---\n", "---\nlicense: \"mit\n---\n", "---\n: :\n- - -\n---\n", "---\nlicense: {a: b}\n---\n",
    "---\r\nlicense:\r\n", "\u{FEFF}---\n", "---\n\0\n", "---\nlicense: mit\ntags: \"\\ud800\"\n---\n",
    "---\n? [license]\n: mit\n---\n", "---\nlicense: &a {b: &c [*a]}\n---\n",
    "---\nlicense: ~\ntags: [[a], {b: c}]\n---\n",
    "---\nlicense: " + String(repeating: "[", count: 100_000), "---\n" + String(repeating: "? ", count: 100_000),
  ]) func oddCardsSayNothing(_ card: String) {
    #expect(ModelCard.metadata(of: Array(card.utf8)).isEmpty)
  }

  @Test(arguments: [
    ("license: |\n  mit\n  or not", "mit\nor not\n"), ("license: \"a\\u0041\"", "aA"), ("license: >-\n  a\n  b", "a b"),
    ("license: a\nlicense: b", "b"), ("\"license\": &x 'it''s' # so", "it's"), ("license: [a, b]", "a,b"),
    ("tags: {license: no}\nlicense: yes", "yes"), ("{license: mit, x: [1]}", "mit"),
  ]) func everyFormOfATextIsRead(_ settings: String, _ licence: String) {
    let said = ModelCard.metadata(of: Array("---\n\(settings)\n---\n".utf8))
    #expect(said.first { $0.key == "general.license" }?.value == .string(licence))
  }

  @Test func aCardIsWhatTheKeysSay() throws {
    let values: [String: MetadataValue] = [
      "general.license": .string("apache-2.0"), "general.languages": .strings(["en", "no"]),
      "general.tags": .strings(["a: b", "#c"]), "general.base_model.count": .uint32(1),
      "general.base_model.0.repo_url": .string("https://huggingface.co/acme/tiny"),
    ]
    let card = try #require(ModelCard.card(title: "Tiny") { values[$0] })
    let again = Dictionary(
      ModelCard.metadata(of: card).map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    for (key, value) in values { #expect(again[key] == value, "\(key)") }
    #expect(ModelCard.card(title: "Tiny") { _ in nil } == nil)
    #expect(!String(decoding: try #require(ModelCard.card(title: "a\nb") { values[$0] }), as: UTF8.self).contains("# "))
  }

  @Test func whatAGGUFSaysOfItsModelComesBack() async throws {
    let bench = try Workbench()
    let model = try bench.write(TinyCheckpoint())
    try bench.folder.write("---\nlicense: mit\nlanguage: en\nbase_model: acme/tiny\n---\n".utf8, to: "model/README.md")
    var recipe = Recipe(.keep)
    recipe.metadata = [
      MetadataOverride(key: "general.organization", value: .string("Acme")),
      MetadataOverride(key: "general.quantized_by", value: .string("someone")),
      MetadataOverride(key: "general.sampling.top_k", value: .uint32(40)),
      MetadataOverride(key: "general.sampling.temp", value: .float32(0.6)),
      MetadataOverride(key: "general.base_model.0.name", value: .string("Another Name")),
    ]
    let first = try await bench.convert(model, to: "first.gguf", recipe)
    let folder = try await bench.convert(first, to: "folder")
    let card = String(decoding: try bench.folder.read("folder/README.md"), as: UTF8.self)
    #expect(card.hasPrefix("---\nlicense: \"mit\"\nlanguage:\n- \"en\"\nbase_model:\n- \"acme/tiny\"\n---\n"))
    let copy = try await bench.convert(folder, to: "copy")
    let second = try await bench.convert(copy, to: "second.gguf")
    func said(_ path: String) throws -> [String: MetadataValue] {
      let entries = try GGUFFile(path: path).metadata.entries.filter { $0.key.hasPrefix("general.") }
      return Dictionary(entries.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }
    let (before, after) = (try said(first), try said(second))
    #expect(before["general.license"] == .string("mit"))
    for key in before.keys { #expect(before[key] == after[key], "\(key)") }
    // A card that was edited counts.
    try bench.folder.write("---\nlicense: other\nbase_model: acme/small\n---\n".utf8, to: "copy/README.md")
    let third = try said(try await bench.convert(copy, to: "third.gguf"))
    #expect(third["general.license"] == .string("other"))
    #expect(third["general.base_model.0.name"] == .string("Small"))
    #expect(third["general.organization"] == .string("Acme"))
  }

  @Test(arguments: [
    "[]x", #"{"gguf": {"general.license": 5}}"#, #"{"gguf": {"llama.block_count": {"u32": 9}}}"#,
    #"{"gguf": {"general.architecture": "x"}}"#, #"{"gguf": {"general.x": {"u8": 300}}}"#,
  ])
  func whatIsNoDescriptionIsRefused(_ text: String) throws {
    let bench = try Workbench()
    let model = try bench.write(TinyCheckpoint())
    try bench.folder.write(text.utf8, to: "model/decant.json")
    #expect(throws: FileError.self) {
      try Plan(
        converting: try Checkpoint(path: model), to: Destination(path: bench.path("m.gguf")), recipe: Recipe(.keep))
    }
  }
}
