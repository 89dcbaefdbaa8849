internal import CKernels

// Bytes hold the packed codes and, `scalesOffset` bytes on, an F32 for every block of `blockSize` values. The
// encoders return how many blocks they could encode.

extension KernelSet {
  func encode16(
    _ values: Span<Float>, blockSize: Int, thresholds: [Float], steps: [Int32], first: Int32,
    into bytes: inout MutableRawSpan, scalesOffset: Int
  ) -> Int {
    precondition(thresholds.count == 15 && steps.count == 15)
    let loop = unsafe table.encode_code16
    return unsafe encode(values, into: &bytes, scalesOffset: scalesOffset) { values, count, codes, scales in
      unsafe loop(values, count, blockSize, thresholds, steps, first, codes, scales)
    }
  }

  func encodeInt4(
    _ values: Span<Float>, blockSize: Int, into bytes: inout MutableRawSpan, scalesOffset: Int
  ) -> Int {
    let loop = unsafe table.encode_int4
    return unsafe encode(values, into: &bytes, scalesOffset: scalesOffset) { values, count, codes, scales in
      unsafe loop(values, count, blockSize, codes, scales)
    }
  }

  func encodeInt8(
    _ values: Span<Float>, blockSize: Int, into bytes: inout MutableRawSpan, scalesOffset: Int
  ) -> Int {
    let loop = unsafe table.encode_int8
    return unsafe encode(values, into: &bytes, scalesOffset: scalesOffset) { values, count, codes, scales in
      unsafe loop(values, count, blockSize, codes, scales)
    }
  }

  /// `table` has 16 entries for codes of four bits, 256 for bytes.
  func decode(
    _ bytes: RawSpan, scalesOffset: Int, blockSize: Int, table entries: [Float], into values: inout MutableSpan<Float>
  ) {
    precondition(entries.count == 16 || entries.count == 256)
    let loop = unsafe entries.count == 16 ? table.decode_code16 : table.decode_code256
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe values.withUnsafeMutableBufferPointer { values in
        guard let from = bytes.baseAddress, let to = values.baseAddress else { return }
        let codes = unsafe from.assumingMemoryBound(to: UInt8.self)
        unsafe loop(codes, codes + scalesOffset, values.count, blockSize, entries, to)
      }
    }
  }

  private func encode(
    _ values: Span<Float>, into bytes: inout MutableRawSpan, scalesOffset: Int,
    _ loop: (UnsafePointer<Float>, Int, UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Int
  ) -> Int {
    unsafe values.withUnsafeBufferPointer { values in
      unsafe bytes.withUnsafeMutableBytes { bytes in
        guard let from = values.baseAddress, let to = bytes.baseAddress else { return 0 }
        let codes = unsafe to.assumingMemoryBound(to: UInt8.self)
        return unsafe loop(from, values.count, codes, codes + scalesOffset)
      }
    }
  }
}
