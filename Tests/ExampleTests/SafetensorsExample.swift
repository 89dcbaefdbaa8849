import Safetensors
import Tensors
import Testing

@Suite struct SafetensorsExample {
  @Test func example() async throws {
    let made = try await ExampleFolder()
    let weights = try SafetensorsFolder(path: made("Llama-3.2-1B"))
    print(weights.files.count, weights.metadata)

    let plan = try SafetensorsWriter.plan(tensors: weights.tensors, maximumShardBytes: 2_000_000)
    for file in plan.files { print(file.name, file.byteCount) }
    #expect(plan.files.count > 2 && plan.files[0].name.hasPrefix("model-00001-of-"))
  }
}
