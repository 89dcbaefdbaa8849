@testable import Architectures
import Bytes
@testable import Conversion
import Foundation
import GGUF
import Inference
import JSON
import Safetensors
import Tensors
import TestSupport
import Testing

/// Every family against transformers and llama.cpp's converter, on tiny models that `make families` has made: logits of the
/// folder and of the GGUF, keys and tensors of the GGUF, and the way back.
@Suite struct FamilyTests {
  static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures/Families").path

  static let names: [String] = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()

  private struct Reference {
    let keys: [String: [JSONValue]]
    let tensors: [String: [JSONValue]]
    /// Why llama.cpp computes something else.
    let deviation: String?
    let isOurs: Bool

    init(_ path: String) throws {
      let document = try JSONValue(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
      keys = (document["keys"]?.object ?? [:]).compactMapValues(\.array)
      tensors = (document["tensors"]?.object ?? [:]).compactMapValues(\.array)
      deviation = document["llama.cpp"]?.string
      isOurs = document["ours"]?.string != nil
    }
  }

  static func expected(_ name: String) throws -> (tokens: [Int32], logits: [Float], vocabulary: Int) {
    let file = try SafetensorsFile(path: "\(Self.folder)/\(name)/expected.safetensors")
    let tokens = try file.bytes(of: "tokens")
    let ids = stride(from: 0, to: tokens.count, by: 4).map { start in
      Int32(littleEndian: tokens[start..<start + 4].withUnsafeBytes { $0.loadUnaligned(as: Int32.self) })
    }
    let bytes = try file.bytes(of: "logits")
    let logits = stride(from: 0, to: bytes.count, by: 4).map { start in
      bytes[start..<start + 4].withUnsafeBytes { $0.loadUnaligned(as: Float.self) }
    }
    return (ids, logits, logits.count / max(1, ids.count))
  }

  /// The largest difference of logits, as a part of the largest logit.
  private func difference(_ checkpoint: Checkpoint, _ name: String) async throws -> Float {
    let expected = try Self.expected(name)
    let model = try load(checkpoint)
    #expect(model.vocabularySize == expected.vocabulary)
    let scale = expected.logits.map(\.magnitude).max() ?? 1
    var worst: Float = 0
    try await model.forEachLogits(of: [expected.tokens], at: 0..<expected.tokens.count, workers: Workers(count: 2)) {
      _, position, logits in
      for index in logits.indices {
        worst = max(worst, (logits[index] - expected.logits[position * expected.vocabulary + index]).magnitude)
      }
    }
    return worst / scale
  }

  @Test func thereAreFixtures() { #expect(Self.names.count >= 80) }

  @Test(arguments: names) func logitsOfTheFolder(_ name: String) async throws {
    let checkpoint = try Checkpoint(path: "\(Self.folder)/\(name)")
    let difference = try await difference(checkpoint, name)
    #expect(difference < 1e-4)
  }

  /// Models whose feed-forward networks have their parts in tensors that have them otherwise than along rows.
  private static let withoutOrder = ["GPT2LMHeadModel", "GptOssForCausalLM", "GraniteMoeForCausalLM"]

  /// The inner neurons of feed-forward networks, shared and of experts too, may be in any order, if all weights and biases
  /// of one network agree on it.
  @Test(arguments: names) func neuronsInAnotherOrder(_ name: String) async throws {
    var checkpoint = try Checkpoint(path: "\(Self.folder)/\(name)")
    let model = try #require(checkpoint.model)
    let own = Dictionary(uniqueKeysWithValues: checkpoint.tensors.map { ($0.name, $0.derivation) })
    var changed: [String: Derivation] = [:]
    for (number, tensor) in checkpoint.tensors.enumerated() {
      let columns = try DerivedTensor(tensor.derivation, inputs: checkpoint.inputs).columns
      // A rotation of each network by a number of its own, backwards.
      let order = (0..<columns).map { (2 * columns - $0 - 1 - number % columns) % columns }
      guard let neighbours = model.reordering(order, neuronsOf: tensor.name) else { continue }
      for neighbour in neighbours where own[neighbour.name] != nil {
        #expect(changed[neighbour.name] == nil, "\(neighbour.name) is of two networks")
        changed[neighbour.name] = neighbour.derivation.substituting(own)
      }
      changed[tensor.name] = tensor.derivation.applying(Transposition()).applying(RowPermutation(order))
        .applying(Transposition())
    }
    let isWithout = Self.withoutOrder.contains { name.hasPrefix($0) }
    #expect(changed.isEmpty == isWithout)
    for index in checkpoint.tensors.indices {
      guard let derivation = changed[checkpoint.tensors[index].name] else { continue }
      checkpoint.tensors[index].derivation = derivation
    }
    #expect(try await difference(checkpoint, name) < 1e-4)
  }

  @Test(arguments: names) func theGGUFAndTheWayBack(_ name: String) async throws {
    let source = "\(Self.folder)/\(name)"
    let reference = try Reference("\(source)/reference.json")
    let temporary = try TemporaryFolder()
    let checkpoint = try Checkpoint(path: source)
    let path = temporary.file("model.gguf")
    let plan: Plan
    do {
      plan = try Plan(
        converting: checkpoint, to: Destination(path: path, recordsProvenance: false), recipe: Recipe(.keep))
    } catch {
      // What llama.cpp would compute otherwise may be refused, and nothing else.
      #expect(error.code == .unsupported)
      #expect(reference.deviation != nil || reference.keys.isEmpty, "\(error)")
      return
    }
    try await plan.pour(workers: 1)
    let gguf = try Checkpoint(path: path)
    #expect(try await difference(gguf, name) < 1e-4)
    if !reference.isOurs, reference.deviation == nil {
      let wide = temporary.file("wide.gguf")
      let elements = Recipe(.elements(try TargetType(named: "f32")))
      try await Plan(
        converting: checkpoint, to: Destination(path: wide, recordsProvenance: false), recipe: elements
      ).pour(workers: 1)
      try compare(wide, reference)
    }
    let back = temporary.file("back")
    let toFolder = try Plan(
      converting: gguf, to: Destination(path: back, recordsProvenance: false), recipe: Recipe(.keep))
    try await toFolder.pour(workers: 1)
    try compareTensors(of: back, with: source)
    #expect(try await difference(try Checkpoint(path: back), name) < 1e-4)
  }

  /// Keys and tensors as llama.cpp's converter writes them.
  private func compare(_ path: String, _ reference: Reference) throws {
    let file = try GGUFFile(path: path)
    for (key, wanted) in reference.keys where !key.hasPrefix("general.") {
      let found = file.metadata[key]
      #expect(found != nil, "\(key) is missing")
      guard let found, let value = wanted.last else { continue }
      switch value {
      case .integer(let number):
        #expect(found.integer == number || found.float == Float(number), "\(key): \(found), not \(number)")
      case .number(let number): #expect(found.float == Float(number), "\(key): \(found), not \(number)")
      case .string(let text): #expect(found.string == text, "\(key): \(found), not \(text)")
      case .bool(let flag): #expect(found.bool == flag, "\(key): \(found), not \(flag)")
      default: #expect(found.bools?.map(JSONValue.bool) == value.array, "\(key): \(found)")
      }
    }
    let architecture = file.metadata["general.architecture"]?.string ?? ""
    for entry in file.metadata.entries where entry.key.hasPrefix(architecture + ".") {
      #expect(reference.keys[entry.key] != nil, "\(entry.key) is not one of the converter's")
    }
    let source = try GGUFSource(path: path)
    #expect(Set(source.tensors.map(\.name)) == Set(reference.tensors.keys))
    for tensor in source.tensors {
      guard let wanted = reference.tensors[tensor.name], wanted.count == 3 else { continue }
      #expect(JSONValue.string(tensor.encoding.name.uppercased()) == wanted[0], "type of \(tensor.name)")
      #expect(JSONValue.array(tensor.shape.map(JSONValue.integer)) == wanted[1], "shape of \(tensor.name)")
      guard let digest = wanted[2].string else { continue }
      #expect(SHA256.hexadecimal(of: try source.bytes(of: tensor.name)) == digest, "bytes of \(tensor.name)")
    }
  }

  /// The same tensors with the same bytes, those of other parts of a composite model aside.
  private func compareTensors(of back: String, with source: String) throws {
    let (one, other) = (try Checkpoint(path: source), try Checkpoint(path: back))
    let found = Dictionary(uniqueKeysWithValues: other.source.tensors.map { ($0.name, $0) })
    for tensor in one.source.tensors {
      guard one.model?.isForeign(tensor.name) != true else { continue }
      // A composite model comes back as its text part, under the usual names.
      let own =
        tensor.name.hasPrefix("language_model.") ? String(tensor.name.dropFirst("language_model.".count)) : tensor.name
      let name = one.model?.usualName(of: own).map { other.model?.usualName(of: $0) ?? own } ?? own
      guard let copy = found[name] else {
        Issue.record("\(name) did not come back")
        continue
      }
      #expect(copy.shape == tensor.shape && copy.encoding == tensor.encoding, "\(name)")
      #expect(try other.source.bytes(of: name) == one.source.bytes(of: tensor.name), "bytes of \(name)")
    }
  }
}
