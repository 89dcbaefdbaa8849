import Bytes
import Quantization
import Tensors
import TestSupport
import Testing

/// Blocks of ggml as groups.
@Suite struct GroupedBlocksTests {
  static let file = Result { try GoldenFile(path: Golden.folder + "ggml.safetensors") }

  @Test func names() {
    #expect(GroupedBlocks.names == ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "mxfp4", "nvfp4"])
    #expect(GroupedBlocks.named("q4_k") == nil)
    for name in GroupedBlocks.names {
      let blocks = GroupedBlocks.named(name)
      #expect(blocks?.name == name)
      let encoding = Catalog.entry(named: name)?.encoding
      #expect(blocks?.bytesPerBlock == encoding?.bytesPerBlock)
      #expect(blocks.map { $0.columns * $0.groupsPerBlock } == encoding?.elementsPerBlock)
    }
  }

  /// Bytes that ggml made, and random ones, decode as groups to what ggml decodes them to.
  @Test(arguments: GroupedBlocks.names, KernelSet.all) func decoded(name: String, kernels: KernelSet) throws {
    let file = try Self.file.get()
    let blocks = try #require(GroupedBlocks.named(name)).with(kernels)
    let bytes = try file.bytes("codes/" + name)
    let groups = blocks.opened(bytes)
    let values = try file.floats("d/" + name)
    var decoded = [Float](repeating: .nan, count: values.count)
    groups.codes.withBytes { codes in
      var span = decoded.mutableSpan
      kernels.decodeGroups(
        codes, columns: blocks.columns, from: 0, group: blocks.columns, blocks.levels, scales: groups.scales.span,
        offsets: groups.offsets.span, blocks.offset, into: &span)
    }
    var compared = 0
    for (index, value) in values.enumerated() where groups.scales[index / blocks.columns].isFinite {
      guard !(value.isNaN && decoded[index].isNaN) else { continue }
      compared += 1
      #expect(decoded[index] == value, "\(index)")
    }
    #expect(compared > values.count / 2)
  }

  @Test(arguments: GroupedBlocks.names, KernelSet.all) func closedAgain(name: String, kernels: KernelSet) throws {
    let blocks = try #require(GroupedBlocks.named(name)).with(kernels)
    let size = blocks.bytesPerBlock
    let bytes = try Self.file.get().bytes("codes/" + name)
    var kept = 0
    for start in stride(from: 0, to: bytes.count, by: size) {
      let block = Array(bytes[start..<start + size])
      let groups = blocks.opened(block)
      // The sign of a scale of nvfp4 is ignored, and its NaN is 0.
      let isPlain = name != "nvfp4" || block[..<4].allSatisfy { $0 < 0x7f }
      guard groups.scales.allSatisfy(\.isFinite), groups.offsets.allSatisfy(\.isFinite), isPlain else { continue }
      #expect(blocks.closed(groups) == block)
      kept += 1
    }
    #expect(kept > bytes.count / size / 3)
  }

  /// ggml ignores the sign of a scale of nvfp4, and takes one of the two NaNs for 0. Source: `ggml_ue4m3_to_fp32`.
  @Test(arguments: KernelSet.all) func scalesOfNVFP4(kernels: KernelSet) throws {
    let blocks = try #require(GroupedBlocks.named("nvfp4")).with(kernels)
    let opened = blocks.opened([0x7f, 0xff, 0xfe, 0x80] + [UInt8](repeating: 0x11, count: 32))
    #expect(opened.scales == [0, 480, 448, 0])
    #expect(blocks.closed(opened) == nil)
  }

  /// Numbers that a type cannot store, and codes that it has not.
  @Test(arguments: GroupedBlocks.names, KernelSet.all) func refused(name: String, kernels: KernelSet) throws {
    let blocks = try #require(GroupedBlocks.named(name)).with(kernels)
    let good = blocks.opened([UInt8](repeating: 0x11, count: 3 * blocks.bytesPerBlock))
    #expect(blocks.closed(good) != nil)
    var scales: [Float] = [.nan, .infinity, 0.1, 1e-30, -.infinity]
    if blocks.levels == .e2m1 { scales += [-1, 1.0625, 0] }
    if name == "nvfp4" { scales = scales.filter { $0 != 0 } + [480, 0x1p-10] }
    for scale in scales {
      var bad = good
      bad.scales[bad.scales.count - 1] = scale
      #expect(blocks.closed(bad) == nil, "scale \(scale)")
    }
    if blocks.offset != .none {
      for offset in [Float.nan, .infinity, 0.1] + (blocks.offset == .zero ? [7, 0] : []) {
        var bad = good
        bad.offsets[2] = offset
        #expect(blocks.closed(bad) == nil, "offset \(offset)")
      }
    }
    if blocks.bits < 8 {
      var bad = good
      bad.codes[bad.codes.count - 1] = 1 << UInt8(blocks.bits)
      #expect(blocks.closed(bad) == nil)
    }
  }
}

extension GroupedBlocks {
  fileprivate func opened(_ bytes: [UInt8]) -> EncodedGroups {
    var groups = EncodedGroups()
    bytes.withBytes { open($0, into: &groups) }
    return groups
  }

  /// The blocks; nil where the type cannot hold the groups.
  fileprivate func closed(_ groups: EncodedGroups) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0xA5, count: groups.scales.count / groupsPerBlock * bytesPerBlock)
    let fits = bytes.withMutableBytes { close(groups, into: &$0) }
    return fits ? bytes : nil
  }
}
