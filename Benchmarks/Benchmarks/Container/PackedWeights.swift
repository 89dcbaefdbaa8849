internal import BenchmarkSupport
internal import Bytes
internal import Packed
internal import Safetensors
internal import SyntheticWeights
internal import Tensors

/// A safetensors file of BF16 weights, packed and unpacked on all processors.
final class PackedWeights: Sendable {
  private static let valueCount = 16 << 20

  private let folder: TemporaryFolder
  private let original: SafetensorsFile
  private let packed: String

  init() throws {
    folder = try TemporaryFolder()
    let tensor = try TensorDescriptor(name: "weight", encoding: .bf16, shape: [Self.valueCount / 4096, 4096])
    let plan = try SafetensorsWriter.plan(tensors: [tensor])
    var values = [UInt16](repeating: 0, count: Self.valueCount)
    var span = values.mutableSpan
    SyntheticWeights(seed: 1).fillBFloat16(&span, from: 0)
    let bytes = values.withUnsafeBytes { Array($0) }
    original = try SafetensorsFile(path: try folder.write(plan.files[0], data: bytes))
    packed = folder.path + "/packed.zst"
  }

  var byteCount: Int { original.source.byteCount }

  func pack() async throws {
    try await PackedWriter.pack(original.source, regions: original.packedRegions, to: packed, replacing: true)
  }

  func unpack() async throws {
    try await PackedFile(path: packed).unpack(to: folder.path + "/unpacked.safetensors", replacing: true)
  }
}
