internal import CKernels

// Types whose blocks have a scale and a minimum that are searched for.

extension KernelSet {
  func decodeQ2_K(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_q2_k, bytes, count: values.count / 256, into: &values)
  }

  func encodeQ2_K(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q2_k, values, count: values.count / 256, into: &bytes)
  }

  func encodeQ2_K(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q2_k_weighted, values, importance: importance, elements: 256, into: &bytes)
  }

  func decodeQ4_K(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_q4_k, bytes, count: values.count / 256, into: &values)
  }

  func encodeQ4_K(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q4_k, values, count: values.count / 256, into: &bytes)
  }

  func encodeQ4_K(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q4_k_weighted, values, importance: importance, elements: 256, into: &bytes)
  }

  func decodeQ5_K(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_q5_k, bytes, count: values.count / 256, into: &values)
  }

  func encodeQ5_K(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q5_k, values, count: values.count / 256, into: &bytes)
  }

  func encodeQ5_K(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q5_k_weighted, values, importance: importance, elements: 256, into: &bytes)
  }

  func encodeQ4_1(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q4_1_weighted, values, importance: importance, elements: 32, into: &bytes)
  }

  func encodeQ5_1(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q5_1_weighted, values, importance: importance, elements: 32, into: &bytes)
  }
}
