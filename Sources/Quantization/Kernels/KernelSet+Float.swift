internal import CKernels

extension KernelSet {
  func decodeF16(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_f16, bytes, count: values.count, into: &values)
  }

  func encodeF16(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_f16, values, count: values.count, into: &bytes)
  }

  func decodeBF16(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_bf16, bytes, count: values.count, into: &values)
  }

  func encodeBF16(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_bf16, values, count: values.count, into: &bytes)
  }

  func encodeF8E4M3(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_f8_e4m3, values, count: values.count, into: &bytes)
  }

  func encodeF8E5M2(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_f8_e5m2, values, count: values.count, into: &bytes)
  }

  /// One byte a value, the index of `table` with its 256 entries.
  package func decodeBytes(_ bytes: RawSpan, table entries: [Float], into values: inout MutableSpan<Float>) {
    precondition(entries.count == 256)
    let loop = unsafe table.decode_bytes
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe values.withUnsafeMutableBufferPointer { values in
        guard let from = bytes.baseAddress, let to = values.baseAddress else { return }
        unsafe loop(from.assumingMemoryBound(to: UInt8.self), values.count, entries, to)
      }
    }
  }

  /// The bytes of `values` as they lie in memory.
  func copy(_ values: Span<Float>, into bytes: inout MutableRawSpan) {
    unsafe values.withUnsafeBytes { from in unsafe bytes.withUnsafeMutableBytes { unsafe $0.copyMemory(from: from) } }
  }

  /// The values of `bytes` as they lie in memory.
  func copy(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe bytes.withUnsafeBytes { from in
      unsafe values.withUnsafeMutableBytes { unsafe $0.copyMemory(from: from) }
    }
  }
}
