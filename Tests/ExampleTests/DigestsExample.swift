import Digests
import Safetensors
import Tensors
import Testing

@Suite struct DigestsExample {
  @Test func example() async throws {
    let made = try await ExampleFolder()
    let weights = try SafetensorsFolder(path: made("Llama-3.2-1B"))
    var whole = SHA256Digest.Stream()
    for tensor in weights.tensors {
      let bytes = try weights.bytes(of: tensor.name)
      print(tensor.name, FastDigest(of: bytes.span.bytes))
      whole.add(bytes.span.bytes)
    }
    let digest = whole.finish()
    print(digest)
    #expect(digest.description.count == 64)
  }
}
