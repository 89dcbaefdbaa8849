internal import CKernels

// Types whose blocks have a scale that is searched for, and no minimum.

extension KernelSet {
  func encodeQ4_0(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q4_0_weighted, values, importance: importance, elements: 32, into: &bytes)
  }

  func encodeQ5_0(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q5_0_weighted, values, importance: importance, elements: 32, into: &bytes)
  }

  func decodeQ3_K(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_q3_k, bytes, count: values.count / 256, into: &values)
  }

  func encodeQ3_K(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q3_k, values, count: values.count / 256, into: &bytes)
  }

  func encodeQ3_K(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q3_k_weighted, values, importance: importance, elements: 256, into: &bytes)
  }

  func decodeQ6_K(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_q6_k, bytes, count: values.count / 256, into: &values)
  }

  func encodeQ6_K(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q6_k, values, count: values.count / 256, into: &bytes)
  }

  func encodeQ6_K(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_q6_k_weighted, values, importance: importance, elements: 256, into: &bytes)
  }

  func decodeIQ4_NL(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_iq4_nl, bytes, count: values.count / 32, into: &values)
  }

  func encodeIQ4_NL(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_iq4_nl, values, count: values.count / 32, into: &bytes)
  }

  func encodeIQ4_NL(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_iq4_nl_weighted, values, importance: importance, elements: 32, into: &bytes)
  }

  func decodeIQ4_XS(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_iq4_xs, bytes, count: values.count / 256, into: &values)
  }

  func encodeIQ4_XS(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_iq4_xs, values, count: values.count / 256, into: &bytes)
  }

  func encodeIQ4_XS(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    unsafe run(table.encode_iq4_xs_weighted, values, importance: importance, elements: 256, into: &bytes)
  }
}
