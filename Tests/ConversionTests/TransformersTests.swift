import Architectures
import Bytes
import Conversion
import Foundation
import Inference
import JSON
import TestSupport
import Testing

/// Folders whose files contradict each other, and every kind of RoPE: what transformers computes from them is what is run,
/// whichever way a model has come. `make_transformers.py` has asked it.
@Suite struct TransformersTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let config: JSONValue
    /// Stored name, and the tensor of `weights.safetensors` it is.
    let stored: [String: String]

    var testDescription: String { name }
  }

  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/transformers").path

  private static let document: JSONValue = {
    guard let data = FileManager.default.contents(atPath: folder + "/cases.json"),
      let document = try? JSONValue(parsing: [UInt8](data))
    else { return .null }
    return document
  }()

  static let cases: [Case] = (document["cases"]?.array ?? []).map { row in
    let config = (document["config"]?.object ?? [:]).merging(row["config"]?.object ?? [:]) { _, new in new }
    let plain = (document["plain"]?.array ?? []).compactMap(\.string)
    let stored = row["stored"]?.object?.compactMapValues(\.string)
    return Case(
      name: row["name"]?.string ?? "", config: .object(config),
      stored: stored ?? Dictionary(uniqueKeysWithValues: plain.map { ($0, $0) }))
  }

  @Test func thereAreCases() { #expect(Self.cases.count > 50) }

  private func write(_ one: Case, to bench: Workbench) throws -> String {
    let weights = try GoldenFile(path: Self.folder + "/weights.safetensors")
    var tensors: [RawTensor] = []
    for (name, original) in one.stored.sorted(by: { $0.key < $1.key }) {
      tensors.append(
        RawTensor(name, type: "F32", shape: try weights.shape(original), bytes: try weights.bytes(original)))
    }
    let path = bench.path("model")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try bench.folder.write(try one.config.serialized(), to: "model/config.json")
    try bench.folder.write(try RawSafetensors.bytes(of: tensors), to: "model/model.safetensors")
    return path
  }

  /// The largest difference of a logit from what transformers has.
  private func difference(_ path: String, from one: Case) async throws -> Float {
    let checkpoint = try Checkpoint(path: path)
    try checkpoint.checkTensors()
    let model = try LoadedModel(running: checkpoint)
    let expected = try GoldenFile(path: Self.folder + "/expected.safetensors").floats(one.name + ".logits")
    let tokens = (Self.document["tokens"]?.array ?? []).compactMap(\.int).map(Int32.init)
    let shown = expected.count / model.vocabularySize
    var worst: Float = 0
    var place = 0
    try await model.forEachLogits(
      of: [tokens], at: tokens.count - shown..<tokens.count, workers: Workers(count: 1)
    ) { _, _, logits in
      for index in logits.indices {
        worst = max(worst, abs(logits[index] - expected[place]))
        place += 1
      }
    }
    #expect(place == expected.count)
    return worst
  }

  @Test(arguments: cases.filter { !$0.name.hasPrefix("rope") })
  func whatIsComputedIsWhatTransformersComputes(_ one: Case) async throws {
    let bench = try Workbench()
    let path = try write(one, to: bench)
    #expect(try await difference(path, from: one) < 2e-5)
    let gguf = try await bench.convert(path, to: "model.gguf")
    #expect(try await difference(gguf, from: one) < 2e-5, "in a GGUF")
    for (name, source) in [("again", path), ("back", gguf)] {
      let folder = try await bench.convert(source, to: name)
      #expect(try await difference(folder, from: one) < 2e-5, "as \(name)")
      #expect(try Checkpoint(path: folder).notes == [], "nothing is contradictory any more")
    }
    let other = try await bench.convert(gguf, to: "other.gguf")
    #expect(try await difference(other, from: one) < 2e-5, "in another GGUF")
  }
}
