import Conversion
import Estimation
import Quantization
import Testing

@Suite struct EstimationExample {
  @Test func example() async throws {
    let made = try await ExampleFolder()
    let checkpoint = try Checkpoint(configuration: made("Llama-3.2-1B/config.json"))
    if let codec = Catalog.codec(named: "q8_0") {
      let recipe = Recipe(.everyMatrix(TargetType(codec: codec)))
      let size = try WeightSize(of: checkpoint, as: "q8_0", recipe: recipe, container: .gguf, workers: 2)
      print(size.byteCount, size.bitsPerWeight)
    }
    if let model = checkpoint.model {
      let needs = try MemoryNeeds(of: model, path: checkpoint.path)
      print(needs.cache(context: 8192), needs.activations(tokens: 512))
    }
    #expect(checkpoint.model != nil)
  }
}
