import Bytes
import Packed
import Safetensors
import Tensors
import Testing

@Suite struct PackedExample {
  @Test func example() async throws {
    let made = try await ExampleFolder()
    let file = try SafetensorsFile(path: made("model.safetensors"))
    let packedByteCount = try await PackedWriter.pack(
      file.source, regions: file.packedRegions, to: made("model.safetensors.zst"))
    print(file.source.byteCount, packedByteCount)

    let again = try SafetensorsFile(path: made("model.safetensors.zst"))
    print(try again.bytes(of: again.tensors[0].name).count)
    #expect(packedByteCount < file.source.byteCount)
    #expect(try again.bytes(of: again.tensors[0].name) == file.bytes(of: again.tensors[0].name))
  }
}
