import Architectures
import Bytes
import Evaluation
import Inference
import Quantization
import JSON
import TestSupport
import Testing

/// Collecting over a whole text, in batches.
@Suite struct InputSquaresTests {
  /// A model of one layer whose weights are all the same small number.
  private func model() throws -> LoadedModel {
    let config: JSONValue = [
      "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8, "intermediate_size": 12,
      "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 4, "vocab_size": 20,
      "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": false,
    ]
    let family = try #require(ModelFamilies.family(ofConfig: config))
    let pass = try family.model(fromConfig: config, path: "config.json").forwardPass(path: "model")
    return try LoadedModel(pass) { derivation throws(FileError) in
      guard case .source(let reference) = derivation, !reference.name.hasSuffix(".bias") else { return nil }
      let name = reference.name
      let shape =
        switch name {
        case "model.embed_tokens.weight", "lm_head.weight": [20, 8]
        case _ where name.contains("norm"): [8]
        case _ where name.contains("down"): [8, 12]
        case _ where name.contains("gate") || name.contains("up"): [12, 8]
        default: [8, 8]
        }
      return ArraySource(shape: shape, array: Array(repeating: 0.25, count: shape.reduce(1, *)))
    }
  }

  @Test func everyTokenOfEveryWindowCounts() async throws {
    let text = try EvaluationWindows(
      tokens: (0..<75).map { Int32($0 % 20) }, contextLength: 10, beginningOfSequence: 1)
    var reached: [Int] = []
    let squares = try await Evaluator(workers: Workers(count: 2), batchTokens: 30).inputSquares(
      of: model(), over: text, includingHead: true
    ) { reached.append($0) }
    #expect(reached == [3, 6, 7])
    #expect(squares.layers.count == 8 && squares.layers.allSatisfy { $0.tokens == 70 })
    // After a norm whose weights are 1/4, equal elements are 1/4.
    let query = try #require(squares.layers.first { $0.name == "model.layers.0.self_attn.q_proj.weight" })
    #expect(query.sums.allSatisfy { abs($0.value - 70.0 / 16) < 1e-2 } && query.sums.count == 8)
    let head = try #require(squares.layers.first { $0.name == "lm_head.weight" })
    #expect(head.sums.allSatisfy { abs($0.value - 70.0 / 16) < 1e-2 })
  }

  @Test func aTokenOutsideTheVocabularyIsAnError() async throws {
    let text = try EvaluationWindows(
      tokens: (0..<75).map { Int32($0 % 21) }, contextLength: 10, beginningOfSequence: nil)
    let model = try model()
    await #expect(throws: FileError.self) { try await Evaluator().inputSquares(of: model, over: text) }
  }

  @Test func whatWasCollectedIsNotCollectedAgain() async throws {
    let folder = try TemporaryFolder()
    let text = try EvaluationWindows(
      tokens: (0..<75).map { Int32($0 % 20) }, contextLength: 10, beginningOfSequence: 1)
    let evaluator = Evaluator(workers: Workers(count: 1), batchTokens: 30)
    let whole = try await evaluator.inputSquares(of: model(), over: text)
    func record() throws -> MeasurementRecord {
      try MeasurementRecord(
        path: folder.file("sums"), fingerprint: "same", replacingOthers: true, interval: .seconds(1000))
    }
    // Only the first batch is kept: the next ones come too soon after it.
    _ = try await evaluator.inputSquares(of: model(), over: text, record: record())
    #expect(try record().found?.windows == 3)
    var reached: [Int] = []
    let second = try await evaluator.inputSquares(of: model(), over: text, record: record()) { reached.append($0) }
    #expect(reached == [6, 7] && second.layers == whole.layers)
  }
}
