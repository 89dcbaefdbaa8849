import Architectures
import Bytes
import Foundation
import Inference
import JSON
import Tensors
import TestSupport
import Testing

/// A trained model against logits and a perplexity that ggml computed.
@Suite(
  .enabled(
    if: SharedData.isThere, Comment(rawValue: SharedData.absence)))
struct SharedModelTests {
  /// The folder's name and the hyperparameters.
  static let models: [(String, LlamaConfiguration)] = [
    (
      "stories260K",
      LlamaConfiguration(
        hiddenSize: 64, intermediateSize: 172, layerCount: 5, headCount: 8, keyValueHeadCount: 4, headDimension: 8,
        vocabularySize: 512, contextLength: 512, normEpsilon: 1e-5, rope: RotaryEmbedding(theta: 10000),
        tiesEmbeddings: true)
    ),
    (
      "stories3M",
      LlamaConfiguration(
        hiddenSize: 256, intermediateSize: 512, layerCount: 5, headCount: 8, keyValueHeadCount: 4, headDimension: 32,
        vocabularySize: 512, contextLength: 512, normEpsilon: 1e-5, rope: RotaryEmbedding(theta: 10000))
    ),
  ]

  private func model(_ name: String, _ configuration: LlamaConfiguration) throws -> LoadedModel {
    let tensors = try Self.tensors(in: SharedData.path("models/\(name)/hf-f32/model.safetensors"))
    return try LoadedModel(configuration: configuration) { name throws(FileError) in tensors[name] }
  }

  /// Tensors of an F32 safetensors file; enough for a file that is known to be in order.
  private static func tensors(in path: String) throws -> [String: ArraySource] {
    let bytes = try InputFile.contents(of: path)
    let headerLength = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
    let header = try JSONValue(parsing: bytes[8..<8 + headerLength])
    var tensors: [String: ArraySource] = [:]
    for (name, entry) in header.object ?? [:] where name != "__metadata__" {
      let shape = try #require(entry["shape"]?.array).compactMap(\.int)
      let offsets = try #require(entry["data_offsets"]?.array).compactMap(\.int)
      #expect(entry["dtype"]?.string == "F32")
      tensors[name] = ArraySource(
        shape: shape, array: floats(bytes[8 + headerLength + offsets[0]..<8 + headerLength + offsets[1]]))
    }
    return tensors
  }

  private static func floats(_ bytes: ArraySlice<UInt8>) -> [Float] {
    stride(from: bytes.startIndex, to: bytes.endIndex, by: 4).map { start in
      Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) })
    }
  }

  private func windows(_ name: String) throws -> [[Int32]] {
    let file = try JSONValue(
      parsing: InputFile.contents(of: SharedData.path("reference-quants/\(name)/eval_windows.json")))
    return try #require(file["windows"]?.array).map { ($0.array ?? []).compactMap(\.int).map(Int32.init) }
  }

  @Test(arguments: models) func logitsAgreeWithGGML(_ name: String, _ configuration: LlamaConfiguration) async throws {
    let expected = Self.floats(
      try InputFile.contents(of: SharedData.path("reference-quants/\(name)/logits_window0_first64.f32"))[...])
    #expect(expected.count == 64 * 512)
    let window = try #require(windows(name).first)
    var worst: Float = 0
    try await model(name, configuration).forEachLogits(of: [window], at: 0..<64, workers: Workers(count: 2)) {
      _, position, logits in
      for index in logits.indices { worst = max(worst, abs(logits[index] - expected[position * 512 + index])) }
    }
    print("\(name): largest difference from ggml's logits: \(worst)")
    #expect(worst < 1e-4)
  }

  /// Every position of every window, in Double from the logits.
  @Test(arguments: models) func negativeLogLikelihoodAgreesWithGGML(
    _ name: String, _ configuration: LlamaConfiguration
  ) async throws {
    let reference = try JSONValue(
      parsing: InputFile.contents(of: SharedData.path("reference-quants/\(name)/reference.json")))
    let expected = try #require(reference["base_nll"]?.double)
    let windows = try windows(name)
    let length = try #require(windows.first).count
    var total = 0.0
    var count = 0
    try await model(name, configuration).forEachLogits(of: windows, at: 0..<length - 1, workers: Workers(count: 2)) {
      window, position, logits in
      var greatest = -Float.infinity
      for index in logits.indices { greatest = max(greatest, logits[index]) }
      var sum = 0.0
      for index in logits.indices { sum += exp(Double(logits[index] - greatest)) }
      total += log(sum) + Double(greatest) - Double(logits[Int(windows[window][position + 1])])
      count += 1
    }
    print("\(name): mean negative log-likelihood \(total / Double(count)), of ggml's weights \(expected)")
    #expect(abs(total / Double(count) - expected) < 1e-5)
  }
}
