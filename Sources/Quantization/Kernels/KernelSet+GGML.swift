internal import CKernels

// Counts are of blocks of 32 values.

extension KernelSet {
  func decodeQ4_0(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_q4_0, bytes, count: values.count / 32, into: &values)
  }

  func encodeQ4_0(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q4_0, values, count: values.count / 32, into: &bytes)
  }

  func decodeQ4_1(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_q4_1, bytes, count: values.count / 32, into: &values)
  }

  func encodeQ4_1(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q4_1, values, count: values.count / 32, into: &bytes)
  }

  func decodeQ5_0(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_q5_0, bytes, count: values.count / 32, into: &values)
  }

  func encodeQ5_0(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q5_0, values, count: values.count / 32, into: &bytes)
  }

  func decodeQ5_1(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_q5_1, bytes, count: values.count / 32, into: &values)
  }

  func encodeQ5_1(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q5_1, values, count: values.count / 32, into: &bytes)
  }

  func decodeQ8_0(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_q8_0, bytes, count: values.count / 32, into: &values)
  }

  func encodeQ8_0(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q8_0, values, count: values.count / 32, into: &bytes)
  }
}
