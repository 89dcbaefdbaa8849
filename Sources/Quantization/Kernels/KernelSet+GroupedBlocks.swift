internal import CKernels

// Blocks of ggml as groups, for which there is room.

extension KernelSet {
  func openBlocks(_ blocks: RawSpan, count: Int, _ kind: decant_block_groups, into groups: inout EncodedGroups) {
    let loop = unsafe table.open_blocks
    unsafe blocks.withUnsafeBytes { blocks in
      unsafe groups.codes.withUnsafeMutableBufferPointer { codes in
        unsafe groups.scales.withUnsafeMutableBufferPointer { scales in
          unsafe groups.offsets.withUnsafeMutableBufferPointer { offsets in
            guard let from = blocks.baseAddress, let codes = codes.baseAddress, let scales = scales.baseAddress else {
              return
            }
            unsafe loop(
              from.assumingMemoryBound(to: UInt8.self), count, kind, codes, scales,
              offsets.isEmpty ? nil : offsets.baseAddress)
          }
        }
      }
    }
  }

  /// Returns whether all could be made.
  func closeBlocks(
    _ groups: EncodedGroups, count: Int, _ kind: decant_block_groups, into blocks: inout MutableRawSpan
  ) -> Bool {
    let loop = unsafe table.close_blocks
    return unsafe groups.codes.withUnsafeBufferPointer { codes in
      unsafe groups.scales.withUnsafeBufferPointer { scales in
        unsafe groups.offsets.withUnsafeBufferPointer { offsets in
          unsafe blocks.withUnsafeMutableBytes { blocks in
            guard let to = blocks.baseAddress, let codes = codes.baseAddress, let scales = scales.baseAddress else {
              return true
            }
            return unsafe loop(
              codes, scales, offsets.isEmpty ? nil : offsets.baseAddress, count, kind,
              to.assumingMemoryBound(to: UInt8.self))
          }
        }
      }
    }
  }
}
