import Bytes
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

@testable import Conversion

private let fixtures = Fixtures(of: "Safetensors")

/// Folders of quantized weights in every layout that is read, each with one thing wrong, and the right ones that they were made
/// from (make_layouts.py). What is expected stands in expected.json.
@Suite struct HostileLayoutTests {
  /// How a folder is refused.
  struct Refusal: CustomTestStringConvertible, Sendable {
    let name: String
    let twin: String
    let code: String
    let subject: String
    /// A part of the sentence.
    let message: String
    /// The rule that the error names, where that is not the one that the folder is named for.
    let otherRule: String?

    var testDescription: String { name }

    /// `ST-Q21` of `ST-Q21-gptq-but-plain`.
    var rule: String { name.split(separator: "-").prefix(2).joined(separator: "-") }

    /// What is not read here need not break a rule.
    var citation: String? {
      guard let otherRule else { return code == "unsupported" ? nil : rule }
      return otherRule.isEmpty ? nil : otherRule
    }
  }

  private static let codes: [FileError.Code: String] = [
    .missing: "missing", .malformed: "malformed", .unsupported: "unsupported", .mismatch: "mismatch",
  ]

  static let refusals: [Refusal] = {
    guard let document = try? JSONValue(parsing: fixtures.bytes("layouts/expected.json")).object else { return [] }
    return document.sorted { $0.key < $1.key }.map { name, entry in
      func text(_ key: String) -> String { entry[key]?.string ?? "" }
      return Refusal(
        name: name, twin: text("twin"), code: text("code"), subject: text("subject"), message: text("message"),
        otherRule: entry["rule"]?.string)
    }
  }()

  /// Every weight is decoded, and quantized to something else.
  private static func convert(_ path: String, in bench: Workbench) async throws {
    try await bench.convert(path, to: "out", Recipe(try .quantizing("int8")))
  }

  @Test(arguments: refusals) func isRefused(_ expected: Refusal) async throws {
    let bench = try Workbench()
    let path = fixtures.path("layouts/hostile/" + expected.name)
    let thrown = await #expect(throws: FileError.self) { try await Self.convert(path, in: bench) }
    let error = try #require(thrown)
    #expect(error.path.hasPrefix(path), "\(error)")
    #expect(Self.codes[error.code] == expected.code, "\(error)")
    #expect(error.subject ?? "" == expected.subject, "\(error)")
    #expect(error.rule == expected.citation, "\(error)")
    #expect(!expected.message.isEmpty && error.message.contains(expected.message), "\(error)")
    // Whatever the files say, it is one sentence that leaves a terminal alone and does not fill it.
    #expect(error.description.utf8.count < path.utf8.count + 800, "\(error)")
    let forbidden: Set<Unicode.GeneralCategory> = [.control, .format, .lineSeparator, .paragraphSeparator]
    #expect(!error.description.unicodeScalars.contains { forbidden.contains($0.properties.generalCategory) })
    #expect(try bench.folder.names().isEmpty, "something was written")
  }

  @Test(arguments: fixtures.names(in: "layouts/valid")) func aRightOneIsRead(name: String) async throws {
    let bench = try Workbench()
    let path = fixtures.path("layouts/valid/" + name)
    let weights = try Checkpoint(path: path).weights
    let weight = try #require(weights.first { $0.isQuantized })
    // Beside it nothing, or other weights of a model.
    let module = weight.name.dropLast("weight".count)
    #expect(weights.allSatisfy { $0 === weight || !$0.isQuantized && !$0.name.hasPrefix(module) })
    let values = try weight.values()
    #expect(values.allSatisfy(\.isFinite) && values.contains { $0 != 0 })
    try await Self.convert(path, in: bench)
  }

  /// Expressions of a configuration take no time that grows faster than they do.
  @Test(.timeLimit(.minutes(1))) func manyEntriesAndModulesAreQuick() throws {
    let entries = (0..<20_000).map { JSONValue.string("model.layers.\($0).mlp") }
    let section = try #require(
      QuantizationSection(
        ["quantization_config": ["quant_method": "compressed-tensors", "ignore": .array(entries)]], path: "m"))
    let targets = try ModuleTargets(section["ignore"], key: "ignore", section)
    for module in 0..<20_000 { #expect(targets.entry(for: "model.layers.\(module).self_attn") == nil) }
  }

  @Test(.timeLimit(.minutes(1))) func manyTensorsThatAreSkippedAreQuick() throws {
    let entries = (0..<20_000).map { JSONValue.string("model.layers.\($0).mlp") }
    let type: JSONValue = ["default": ["_type": "Int8WeightOnlyConfig"]]
    let section = try #require(
      QuantizationSection(
        [
          "quantization_config": [
            "quant_method": "torchao", "quant_type": type, "modules_to_not_convert": .array(entries),
          ]
        ], path: "m"))
    let settings = try TorchAOSection(section)
    for layer in 0..<20_000 { try settings.check("model.layers.\(layer).self_attn.q_proj.weight", "Int8Tensor") }
    #expect(throws: FileError.self) { try settings.check("model.layers.19999.mlp.up_proj.weight", "Int8Tensor") }
  }

  @Test func everyFolderIsExpected() {
    #expect(Self.refusals.map(\.name) == fixtures.names(in: "layouts/hostile"))
    #expect(Set(Self.refusals.map(\.twin)).isSubset(of: fixtures.names(in: "layouts/valid")))
  }

  /// Each rule that a folder is named for, or an error names, stands in SPEC.md.
  @Test func everyRuleIsWrittenDown() throws {
    let specification = try String(contentsOfFile: fixtures.path("../SPEC.md"), encoding: .utf8)
    let rules = Set(Self.refusals.map(\.rule) + LayoutRule.allCases.map(\.citation))
    for rule in rules { #expect(specification.contains("- \(rule). "), "\(rule)") }
  }
}
