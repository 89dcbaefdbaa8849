import Bytes
import Conversion
import Inference
import Testing
import Tokenizers

@Suite struct InferenceExample {
  @Test func example() async throws {
    let made = try await ExampleFolder()
    let checkpoint = try Checkpoint(path: made("llama-q8_0.gguf"))
    let (model, tokenizer) = (try load(checkpoint), try ModelTokenizer.load(of: checkpoint))
    let window = tokenizer.encode("The small cat sees a")
    var best: Int32 = 0
    try await model.forEachLogits(of: [window], at: window.count - 1..<window.count, workers: Workers()) {
      _, _, logits in
      best = Int32(logits.indices.max { logits[$0] < logits[$1] } ?? 0)
    }
    print(tokenizer.decode([best]))
    #expect(!tokenizer.decode([best]).isEmpty)
  }
}
