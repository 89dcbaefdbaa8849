internal import CKernels
public import Quantization

/// The steps of a forward pass between its products, each with its shapes checked first.
@_spi(Benchmarks) extension KernelSet {
  /// Divides each row by its root mean square and multiplies it by `weight`.
  public func normalize(_ input: MatrixPart, weight: [Float], epsilon: Float, into output: MatrixPart) {
    precondition(
      input.rows.count == output.rows.count && input.columns.count == output.columns.count
        && weight.count == input.columns.count, "shapes do not fit a normalization")
    unsafe weight.withUnsafeBufferPointer { weight in
      guard let weight = weight.baseAddress else { return }
      unsafe table.rms_norm(
        input.start, input.stride, weight, epsilon, input.rows.count, input.columns.count, output.start,
        output.stride)
    }
  }

  /// Rotates the rows of one head by the angles of their positions and multiplies them by `scale`. `output` is
  /// contiguous; `cosines` and `sines` have a row a position.
  public func rotate(_ input: MatrixPart, by angles: RotationTable, scale: Float, into output: MatrixPart) {
    let half = angles.pairs
    precondition(
      input.columns.count == 2 * half && output.columns.count == 2 * half && output.stride == 2 * half
        && output.rows.count == input.rows.count && input.rows.count <= angles.positions,
      "shapes do not fit a rotation")
    unsafe angles.cosines.withUnsafeBufferPointer { cosines in
      unsafe angles.sines.withUnsafeBufferPointer { sines in
        guard let cosines = cosines.baseAddress, let sines = sines.baseAddress else { return }
        unsafe table.rotate(
          input.start, input.stride, cosines, sines, scale, input.rows.count, half,
          output.start)
      }
    }
  }

  /// Causal softmax in place: row 0 is query `firstQuery`, column 0 is key `firstKey`, keys `window` or more before
  /// their query do not count.
  public func causalSoftmax(_ scores: MatrixPart, firstQuery: Int, firstKey: Int, window: Int) {
    precondition(
      firstKey >= 0 && firstKey <= firstQuery && window > 0
        && firstQuery + scores.rows.count <= firstKey + scores.columns.count, "a query must see its own key")
    unsafe table.causal_softmax(
      scores.start, scores.stride, scores.rows.count, scores.columns.count, firstQuery, firstKey, window)
  }

  /// `output = silu(gate) * up`.
  public func gate(_ gate: MatrixPart, _ up: MatrixPart, into output: MatrixPart) {
    precondition(
      gate.rows.count == up.rows.count && gate.columns.count == up.columns.count && gate.stride == up.stride
        && output.rows.count == gate.rows.count && output.columns.count == gate.columns.count,
      "shapes do not fit a gate")
    unsafe table.silu_multiply(
      gate.start, up.start, gate.stride, gate.rows.count, gate.columns.count, output.start, output.stride)
  }

  /// Adds `row[columns]` to every row of `values`.
  public func add(_ row: [Float], columns: Range<Int>, to values: MatrixPart) {
    precondition(
      columns.lowerBound >= 0 && columns.upperBound <= row.count && columns.count == values.columns.count,
      "shapes do not fit an addition")
    unsafe row.withUnsafeBufferPointer { row in
      guard let base = row.baseAddress else { return }
      unsafe table.add_row(
        values.start, values.stride, base + columns.lowerBound, values.rows.count, values.columns.count)
    }
  }

  /// Adds the squares of every row of `values` to `sums`, row after row.
  public func addSquares(of values: MatrixPart, to sums: inout [Double]) {
    precondition(values.columns.count == sums.count, "shapes do not fit an addition")
    unsafe sums.withUnsafeMutableBufferPointer { sums in
      guard let sums = sums.baseAddress else { return }
      unsafe table.add_squares(
        values.start, values.stride, values.rows.count, values.columns.count, sums)
    }
  }
}
