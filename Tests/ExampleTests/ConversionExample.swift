import Architectures
import Conversion
import Quantization
import Testing

@Suite struct ConversionExample {
  @Test func example() async throws {
    let made = try await ExampleFolder()
    let model = try Checkpoint(path: made("Llama-3.2-1B"))
    let recipe = Recipe(.everyMatrix(TargetType(codec: Q4_0())))
    let plan = try Plan(converting: model, to: Destination(path: made("llama-q4_0.gguf")), recipe: recipe)
    print(plan.byteCount, plan.bitsPerWeight)  // nothing has been read or written yet
    try await plan.pour()
    #expect(try Checkpoint(path: made("llama-q4_0.gguf")).requireModel().layerCount == 4)
  }
}
