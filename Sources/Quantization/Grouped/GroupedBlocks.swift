internal import CKernels

/// Blocks of a ggml type that are groups: codes with a scale, and a zero or a bias. Source: ggml `ggml-common.h`, `ggml-quants.c`
/// (`dequantize_row_*`).
///
/// Decoding the groups gives the values of the blocks, but for the sign of a zero whose code has one (mxfp4, nvfp4), which
/// ggml drops, and for mxfp4's last exponent, whose power of two is more than F32 holds.
public struct GroupedBlocks: Sendable {
  /// As ggml calls it.
  public let name: String
  public let levels: GroupLevels
  public let offset: GroupOffset
  /// Values of a group.
  public let columns: Int
  /// Groups of a block: four of nvfp4.
  public let groupsPerBlock: Int
  public let bytesPerBlock: Int
  let kind: decant_block_groups
  private var kernels = KernelSet.best

  public var bits: Int { levels.bits }

  private init(
    _ name: String, _ kind: decant_block_groups, _ levels: GroupLevels, _ offset: GroupOffset, columns: Int = 32,
    groups: Int = 1, bytes: Int
  ) {
    self.name = name
    self.kind = kind
    self.levels = levels
    self.offset = offset
    self.columns = columns
    groupsPerBlock = groups
    bytesPerBlock = bytes
  }

  static let all = [
    GroupedBlocks("q4_0", DECANT_BLOCKS_Q4_0, .integers(bits: 4), .zero, bytes: 18),
    GroupedBlocks("q4_1", DECANT_BLOCKS_Q4_1, .integers(bits: 4), .bias, bytes: 20),
    GroupedBlocks("q5_0", DECANT_BLOCKS_Q5_0, .integers(bits: 5), .zero, bytes: 22),
    GroupedBlocks("q5_1", DECANT_BLOCKS_Q5_1, .integers(bits: 5), .bias, bytes: 24),
    GroupedBlocks("q8_0", DECANT_BLOCKS_Q8_0, .signedBytes, .none, bytes: 34),
    GroupedBlocks("mxfp4", DECANT_BLOCKS_MXFP4, .e2m1, .none, bytes: 17),
    GroupedBlocks("nvfp4", DECANT_BLOCKS_NVFP4, .e2m1, .none, columns: 16, groups: 4, bytes: 36),
  ]

  /// The types that there are.
  public static let names = all.map(\.name)

  /// The type of that name; nil where its blocks are none of these.
  public static func named(_ name: String) -> GroupedBlocks? { all.first { $0.name == name } }

  /// The same with other kernels.
  public func with(_ kernels: KernelSet) -> GroupedBlocks {
    var blocks = self
    blocks.kernels = kernels
    return blocks
  }

  /// The groups of whole blocks, in place of what `groups` holds.
  public func open(_ blocks: RawSpan, into groups: inout EncodedGroups) {
    let count = blocks.byteCount / bytesPerBlock
    precondition(blocks.byteCount == count * bytesPerBlock, "whole blocks")
    groups.makeRoom(
      codes: count * groupsPerBlock * columns, groups: count * groupsPerBlock, hasOffsets: offset != .none)
    kernels.openBlocks(blocks, count: count, kind, into: &groups)
  }

  /// Makes blocks of groups that fill them. False where the type cannot hold them: a scale or a bias that is no F16 (no power of
  /// two, no E4M3), a zero that is not the type's, a code of too many bits.
  public func close(_ groups: EncodedGroups, into blocks: inout MutableRawSpan) -> Bool {
    let count = groups.scales.count / groupsPerBlock
    precondition(groups.scales.count == count * groupsPerBlock && groups.codes.count == groups.scales.count * columns)
    precondition(blocks.byteCount == count * bytesPerBlock)
    precondition(groups.offsets.count == (offset == .none ? 0 : groups.scales.count))
    return kernels.closeBlocks(groups, count: count, kind, into: &blocks)
  }
}
