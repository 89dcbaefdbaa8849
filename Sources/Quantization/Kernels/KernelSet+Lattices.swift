internal import CKernels

// Types whose codes are points of lattices, in blocks of 256 values.

extension KernelSet {
  func decodeIQ1_S(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_iq1_s, bytes, count: values.count / 256, into: &values)
  }

  func decodeIQ1_M(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_iq1_m, bytes, count: values.count / 256, into: &values)
  }

  func decodeIQ2_XXS(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_iq2_xxs, bytes, count: values.count / 256, into: &values)
  }

  func decodeIQ2_XS(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_iq2_xs, bytes, count: values.count / 256, into: &values)
  }

  func decodeIQ2_S(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_iq2_s, bytes, count: values.count / 256, into: &values)
  }

  func decodeIQ3_XXS(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_iq3_xxs, bytes, count: values.count / 256, into: &values)
  }

  func decodeIQ3_S(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    unsafe run(table.decode_iq3_s, bytes, count: values.count / 256, into: &values)
  }
}
