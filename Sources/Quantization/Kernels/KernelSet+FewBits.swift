internal import CKernels

// Types of few bits. Counts are of blocks.

extension KernelSet {
  func decodeTQ1_0(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_tq1_0, bytes, count: values.count / 256, into: &values)
  }

  func encodeTQ1_0(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_tq1_0, values, count: values.count / 256, into: &bytes)
  }

  func decodeTQ2_0(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_tq2_0, bytes, count: values.count / 256, into: &values)
  }

  func encodeTQ2_0(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_tq2_0, values, count: values.count / 256, into: &bytes)
  }

  func decodeMXFP4(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_mxfp4, bytes, count: values.count / 32, into: &values)
  }

  func encodeMXFP4(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_mxfp4, values, count: values.count / 32, into: &bytes)
  }

  func decodeNVFP4(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_nvfp4, bytes, count: values.count / 64, into: &values)
  }

  func encodeNVFP4(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_nvfp4, values, count: values.count / 64, into: &bytes)
  }

  func decodeQ1_0(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_q1_0, bytes, count: values.count / 128, into: &values)
  }

  func encodeQ1_0(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q1_0, values, count: values.count / 128, into: &bytes)
  }

  func decodeQ2_0(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_q2_0, bytes, count: values.count / 64, into: &values)
  }

  func encodeQ2_0(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q2_0, values, count: values.count / 64, into: &bytes)
  }
}
