import Architectures
import Conversion
import Testing

@Suite struct ArchitecturesExample {
  @Test func example() async throws {
    let made = try await ExampleFolder()
    let model = try Checkpoint(path: made("Llama-3.2-1B")).requireModel()
    print(model.className, model.ggufArchitecture, model.layerCount)
    for line in model.overview { print(line.label, line.text) }
    print(ModelFamilies.family(ggufArchitecture: "gemma3") != nil)
    #expect(model.ggufArchitecture == "llama" && model.layerCount == 4)
    #expect(ModelFamilies.family(ggufArchitecture: "gemma3") != nil)
  }
}
