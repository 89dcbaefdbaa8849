import Quantization
import TestSupport
import Testing

/// Bytes and values as ggml gives them.
@Suite struct GGMLGoldenTests {
  static let types = ["f16", "bf16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0"]

  @Test(arguments: types, KernelSet.all)
  func committed(type: String, kernels: KernelSet) throws {
    let file = try GoldenFile(path: Golden.folder + "ggml.safetensors")
    let count = try check(type, file, suffix: "", kernels)
    #expect(count.blocks >= 64)
    #expect(count.refused < count.blocks / 4)
  }

  @Test(.enabled(if: Golden.shared != nil, Golden.noShared), arguments: types, KernelSet.all)
  func fullSize(type: String, kernels: KernelSet) throws {
    let file = try GoldenFile(path: (Golden.shared ?? "") + "ggml_golden.safetensors")
    let count = try check(type, file, suffix: "/none", kernels)
    #expect(count.blocks >= 1000)
  }

  /// Compares every input of a file, block by block and as a whole. Where ggml writes a scale or element that is not
  /// finite, the codec must refuse instead.
  private func check(
    _ type: String, _ file: GoldenFile, suffix: String, _ kernels: KernelSet
  ) throws -> (blocks: Int, refused: Int) {
    let codec = try #require(Catalog.codec(named: type, kernels: kernels))
    let bytesPerBlock = codec.byteCount(elements: codec.elementsPerBlock)
    var (blocks, refused) = (0, 0)
    for key in file.keys where key.hasPrefix("in/") {
      let input = key.dropFirst(3)
      let values = try file.floats(key)
      let bytes = try file.bytes("q/\(type)/\(input)\(suffix)")
      let decoded = try file.floats("d/\(type)/\(input)\(suffix)")
      #expect(codec.decoded(bytes, elements: values.count).bitPatterns == decoded.bitPatterns, "\(input)")

      var (refusedHere, differing) = (0, [Int]())
      let refusal: CodecError = codec.elementsPerBlock == 1 ? .notRepresentable(index: 0) : .scaleOverflow(index: 0)
      for index in 0..<values.count / codec.elementsPerBlock {
        let block = Array(values[index * codec.elementsPerBlock..<(index + 1) * codec.elementsPerBlock])
        let golden = Array(bytes[index * bytesPerBlock..<(index + 1) * bytesPerBlock])
        let expected: Result<[UInt8], CodecError> = isFinite(type, golden) ? .success(golden) : .failure(refusal)
        if codec.encoding(of: block) != expected || codec.referenceEncoding(of: block) != expected {
          differing.append(index)
        }
        if expected == .failure(refusal) { refusedHere += 1 }
        blocks += 1
      }
      #expect(differing.isEmpty, "blocks of \(input)")
      if refusedHere == 0 { #expect(codec.encoding(of: values) == .success(bytes), "\(input)") }
      refused += refusedHere
    }
    return (blocks, refused)
  }

  /// Whether the F16 scale and minimum of a block, or the element itself, are finite.
  private func isFinite(_ type: String, _ block: [UInt8]) -> Bool {
    let exponent: UInt8 = type == "bf16" ? 0x7f : 0x7c
    let fields = type.hasSuffix("_1") ? [1, 3] : [1]
    return fields.allSatisfy { field in
      type == "bf16"
        ? !(block[1] & 0x7f == exponent && block[0] & 0x80 != 0) : block[field] & exponent != exponent
    }
  }
}
