import Conversion
import Evaluation
import Foundation
import Inference
import JSON
import TestSupport
import Testing
import Tokenizers

/// Checkpoints are measured as README shows it to programs that use the libraries.
@Suite struct CheckpointMeasuringTests {
  @Test func perplexityIsThatOfTransformers() async throws {
    let model = try Checkpoint(path: TinyLlama.path)
    let tokenizer = try ModelTokenizer.load(of: model)
    let text = try String(contentsOfFile: TinyLlama.heldOutText, encoding: .utf8)
    let windows = try EvaluationWindows(
      tokens: tokenizer.encode(text), beginningOfSequence: tokenizer.addsBOS ? tokenizer.bosID : nil, limit: 4)
    let measured = try await Evaluator().perplexity(of: LlamaModel(running: model), over: windows)
    let expected = try #require(TinyLlama.reference()["perplexity_first_4_windows"]?["perplexity"]?.double)
    #expect(abs(measured.perplexity - expected) < 1e-4 * expected)
  }

  @Test func weightsWithoutAConfigurationAreRefused() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("model.safetensors")
    try FileManager.default.copyItem(atPath: TinyLlama.file("model-00001-of-00002.safetensors"), toPath: file)
    let error = #expect(throws: (any Error).self) { try LlamaModel(running: Checkpoint(path: file)) }
    #expect("\(error.map { "\($0)" } ?? "")".contains("there is no config.json beside the weights"))
  }
}
