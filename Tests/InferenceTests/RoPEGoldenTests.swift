@testable import Architectures
import Bytes
import Conversion
import Foundation
import Inference
import JSON
import TestSupport
import Testing

/// RoPE of every kind against transformers (`Golden/make_rope.py`), below and above the original context.
@Suite struct RoPEGoldenTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    let config: [String: JSONValue]
    let lengths: [JSONValue]
    /// What transformers says instead of an answer.
    let error: String?

    var testDescription: String { name }
  }

  private static let golden: JSONValue = {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let bytes = try? Data(contentsOf: folder.appendingPathComponent("Golden/rope.json"))
    return (try? JSONValue(parsing: [UInt8](bytes ?? Data()))) ?? .null
  }()

  static let cases: [Case] = (golden["cases"]?.array ?? []).map { entry in
    Case(
      name: entry["name"]?.string ?? "", config: entry["config"]?.object ?? [:], lengths: entry["lengths"]?.array ?? [],
      error: entry["error"]?.string)
  }

  /// The trained model with RoPE of its own.
  private static func checkpoint(_ config: [String: JSONValue], in folder: TemporaryFolder) throws -> Checkpoint {
    for name in try FileManager.default.contentsOfDirectory(atPath: TinyLlama.path) where name != "config.json" {
      try FileManager.default.createSymbolicLink(
        atPath: folder.file(name), withDestinationPath: TinyLlama.file(name))
    }
    var members =
      try JSONValue(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: TinyLlama.file("config.json")))))
      .object ?? [:]
    for key in ["rope_parameters", "rope_scaling", "rope_theta"] { members[key] = nil }
    members["max_position_embeddings"] = golden["max_position_embeddings"]
    members.merge(config) { _, own in own }
    try folder.write(try JSONValue.object(members).serialized(), to: "config.json")
    return try Checkpoint(path: folder.path)
  }

  private static func numbers(_ value: JSONValue?) -> [Double] { (value?.array ?? []).compactMap(\.double) }

  @Test func thereAreCases() {
    #expect(Self.cases.filter { $0.error == nil }.count > 25)
    #expect(Self.cases.filter { $0.error != nil }.count > 5)
  }

  @Test(arguments: cases.filter { $0.error == nil })
  func turnsAsTransformersDoes(_ item: Case) async throws {
    let folder = try TemporaryFolder()
    let checkpoint = try Self.checkpoint(item.config, in: folder)
    let rope = try #require((checkpoint.model as? DecoderModel)?.rotation)
    let model = try LoadedModel(running: checkpoint)
    let tokens = Self.numbers(Self.golden["tokens"]).map { Int32($0) }
    #expect(item.lengths.count == 2)
    for expected in item.lengths {
      let length = try #require(expected["length"]?.int)
      let frequencies = rope.embedding.frequencies(dimension: rope.dimension, length: length)
      let inverse = Self.numbers(expected["inv_freq"])
      #expect(frequencies.count == inverse.count)
      for (found, wanted) in zip(frequencies, inverse) {
        #expect(abs(Double(found) - wanted) <= 2e-6 * wanted + 1e-29, "\(length): \(found), not \(wanted)")
      }
      let attention = try #require(expected["attention"]?.double)
      #expect(abs(Double(rope.embedding.attentionFactor) - attention) <= 1e-6)

      var worst = 0.0
      let logits = Self.numbers(expected["logits"])
      try await model.forEachLogits(
        of: [Array(tokens.prefix(length))], at: length - 1..<length, workers: Workers(count: 2)
      ) { _, _, found in
        for index in logits.indices { worst = max(worst, abs(Double(found[index]) - logits[index])) }
      }
      #expect(worst < 2e-4, "\(length): largest difference \(worst)")
    }
  }

  @Test(arguments: cases.filter { $0.error != nil })
  func refusesToRunWhatTransformersRefuses(_ item: Case) throws {
    let folder = try TemporaryFolder()
    let checkpoint = try Self.checkpoint(item.config, in: folder)
    let error = #expect(throws: FileError.self) { try LoadedModel(running: checkpoint) }
    #expect(error?.path == folder.file("config.json"))
    #expect(error?.subject?.hasPrefix("rope_parameters.") == true)
  }
}
