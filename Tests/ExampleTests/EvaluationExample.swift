import Conversion
import Evaluation
import Foundation
import Inference
import Testing

@Suite struct EvaluationExample {
  @Test func example() async throws {
    let made = try await ExampleFolder()
    let before = try Checkpoint(path: made("Llama-3.2-1B"))
    let after = try Checkpoint(path: made("llama-q8_0.gguf"))
    let text = try String(contentsOfFile: made("heldout.txt"), encoding: .utf8)
    let windows = try EvaluationWindows(of: text, readBy: ModelTokenizer.load(of: before), limit: 4)
    let comparison = try await Evaluator().compare(before: load(before), after: load(after), over: windows)
    print(comparison.divergence.mean, comparison.topAgreement, comparison.after.perplexity)
    #expect(comparison.divergence.mean < 0.001 && comparison.topAgreement > 0.9)
  }
}
