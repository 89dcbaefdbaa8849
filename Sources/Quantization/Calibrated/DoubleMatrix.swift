internal import CKernels

/// Rows of Double in one piece of memory. As with `Matrix`, whoever hands out work sees that nobody writes what another one
/// reads or writes.
@safe final class DoubleMatrix: @unchecked Sendable {
  let rows: Int
  let columns: Int
  private let storage: UnsafeMutableBufferPointer<Double>

  /// All zeros.
  init(rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0, "a matrix cannot have a negative size")
    self.rows = rows
    self.columns = columns
    let count = max(1, rows * columns)
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count * MemoryLayout<Double>.stride, alignment: 64)
    unsafe storage = UnsafeMutableBufferPointer(
      start: bytes.bindMemory(to: Double.self).baseAddress, count: count)
    unsafe storage.initialize(repeating: 0)
  }

  deinit { unsafe UnsafeMutableRawBufferPointer(storage).deallocate() }

  subscript(row: Int, column: Int) -> Double {
    get {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns, "there is no such element")
      return unsafe storage[row * columns + column]
    }
    set {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns, "there is no such element")
      unsafe storage[row * columns + column] = newValue
    }
  }

  @unsafe private func start(_ row: Int, _ column: Int) -> UnsafeMutablePointer<Double> {
    guard let base = unsafe storage.baseAddress else { preconditionFailure("a matrix always has memory") }
    return unsafe base + (row * columns + column)
  }

  /// Factors the block on the diagonal: `decant_factor_block`.
  func factorBlock(_ range: Range<Int>, _ kernels: KernelSet) -> Bool {
    precondition(range.lowerBound >= 0 && range.upperBound <= min(rows, columns) && range.count <= 256)
    return unsafe kernels.table.factor_block(start(range.lowerBound, range.lowerBound), columns, range.count)
  }

  /// Rows above a factored block become rows of the factor; `scaled` gets them before they were divided, turned.
  func solve(_ rows: Range<Int>, above block: Range<Int>, scaled: DoubleMatrix, _ kernels: KernelSet) {
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= block.lowerBound && block.upperBound <= min(self.rows, columns)
        && scaled.rows >= block.count && scaled.columns >= rows.upperBound)
    unsafe kernels.table.solve_rows(
      start(block.lowerBound, block.lowerBound), columns, block.count, start(rows.lowerBound, block.lowerBound),
      columns,
      rows.count, scaled.start(0, rows.lowerBound), scaled.columns)
  }

  /// Takes the product of columns `block` of `rows` and of columns `range` of `scaled` away from a tile.
  func subtract(
    _ rows: Range<Int>, times block: Range<Int>, _ scaled: DoubleMatrix, columns range: Range<Int>, _ kernels: KernelSet
  ) {
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= self.rows && block.upperBound <= columns
        && range.upperBound <= min(columns, scaled.columns) && scaled.rows >= block.count)
    unsafe kernels.table.subtract_product(
      start(rows.lowerBound, block.lowerBound), columns, scaled.start(0, range.lowerBound), scaled.columns, rows.count,
      range.count, block.count, start(rows.lowerBound, range.lowerBound), columns)
  }
}
