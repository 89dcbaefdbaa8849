internal import CKernels

@_spi(Benchmarks) extension KernelSet {
  /// What a product needs to work with. One memory serves one product at a time.
  public static func productMemory() -> Matrix { Matrix(rows: 1, columns: Int(DECANT_PRODUCT_MEMORY)) }

  /// `result = a * transpose(b)`, or added to what `result` holds. Shapes: `a` [m, k], `b` [n, k], `result` [m, n].
  /// - Parameter isFused: whether products are rounded with their sums where the processor can. Without, all processors give
  ///   the same bits.
  public func multiply(
    _ a: MatrixPart, transposed b: MatrixPart, into result: MatrixPart, adding: Bool = false, isFused: Bool = true,
    memory: Matrix
  ) {
    precondition(a.columns.count == b.columns.count && result.columns.count == b.rows.count, "shapes do not fit")
    multiply(a, b, isPlain: false, into: result, adding: adding, isFused: isFused, memory: memory)
  }

  /// `result = a * b`, or added to what `result` holds. Shapes: `a` [m, k], `b` [k, n], `result` [m, n].
  public func multiply(
    _ a: MatrixPart, _ b: MatrixPart, into result: MatrixPart, adding: Bool = false, isFused: Bool = true,
    memory: Matrix
  ) {
    precondition(a.columns.count == b.rows.count && result.columns.count == b.columns.count, "shapes do not fit")
    multiply(a, b, isPlain: true, into: result, adding: adding, isFused: isFused, memory: memory)
  }

  private func multiply(
    _ a: MatrixPart, _ b: MatrixPart, isPlain: Bool, into result: MatrixPart, adding: Bool, isFused: Bool,
    memory: Matrix
  ) {
    precondition(
      result.rows.count == a.rows.count && !a.columns.isEmpty
        && memory.rows * memory.columns >= Int(DECANT_PRODUCT_MEMORY),
      "shapes do not fit a product")
    var product = unsafe decant_product(
      rows: a.rows.count, columns: result.columns.count, depth: a.columns.count, left: a.start, left_stride: a.stride,
      right: b.start, right_stride: b.stride, has_plain_right: isPlain, is_added: adding, result: result.start,
      result_stride: result.stride, memory: memory.start(row: 0, column: 0))
    if isFused { unsafe table.multiply(&product) } else { unsafe table.multiply_unfused(&product) }
  }
}
