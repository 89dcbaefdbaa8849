internal import CKernels
internal import COpenBLAS

/// The calls into C, each with its shapes checked first.
enum Kernels {
  /// `result = a * transpose(b)`, or added to what `result` holds. Shapes: `a` [m, k], `b` [n, k], `result` [m, n].
  static func multiply(_ a: MatrixPart, transposed b: MatrixPart, into result: MatrixPart, adding: Bool = false) {
    precondition(
      a.columns.count == b.columns.count && result.rows.count == a.rows.count
        && result.columns.count == b.rows.count, "shapes do not fit a product")
    guard !result.rows.isEmpty, !result.columns.isEmpty else { return }
    unsafe cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, Int32(a.rows.count), Int32(b.rows.count), Int32(a.columns.count),
      1, a.start, Int32(a.stride), b.start, Int32(b.stride), adding ? 1 : 0, result.start, Int32(result.stride))
  }

  /// `result = a * b`. Shapes: `a` [m, k], `b` [k, n], `result` [m, n].
  static func multiply(_ a: MatrixPart, _ b: MatrixPart, into result: MatrixPart) {
    precondition(
      a.columns.count == b.rows.count && result.rows.count == a.rows.count
        && result.columns.count == b.columns.count, "shapes do not fit a product")
    guard !result.rows.isEmpty, !result.columns.isEmpty else { return }
    unsafe cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(a.rows.count), Int32(b.columns.count),
      Int32(a.columns.count), 1, a.start, Int32(a.stride), b.start, Int32(b.stride), 0, result.start,
      Int32(result.stride))
  }

  /// Divides each row by its root mean square and multiplies it by `weight`.
  static func normalize(_ input: MatrixPart, weight: [Float], epsilon: Float, into output: MatrixPart) {
    precondition(
      input.rows.count == output.rows.count && input.columns.count == output.columns.count
        && weight.count == input.columns.count, "shapes do not fit a normalization")
    unsafe weight.withUnsafeBufferPointer { weight in
      unsafe decant_rms_norm(
        input.start, input.stride, weight.baseAddress, epsilon, input.rows.count, input.columns.count, output.start,
        output.stride)
    }
  }

  /// Rotates the rows of one head by the angles of their positions and multiplies them by `scale`. `output` is
  /// contiguous; `cosines` and `sines` have a row a position.
  static func rotate(_ input: MatrixPart, by angles: RotationTable, scale: Float, into output: MatrixPart) {
    let half = angles.pairs
    precondition(
      input.columns.count == 2 * half && output.columns.count == 2 * half && output.stride == 2 * half
        && output.rows.count == input.rows.count && input.rows.count <= angles.positions,
      "shapes do not fit a rotation")
    unsafe angles.cosines.withUnsafeBufferPointer { cosines in
      unsafe angles.sines.withUnsafeBufferPointer { sines in
        unsafe decant_rotate(
          input.start, input.stride, cosines.baseAddress, sines.baseAddress, scale, input.rows.count, half,
          output.start)
      }
    }
  }

  /// Causal softmax in place: row 0 is query `firstQuery`, column 0 is key `firstKey`, keys `window` or more before
  /// their query do not count.
  static func causalSoftmax(_ scores: MatrixPart, firstQuery: Int, firstKey: Int, window: Int) {
    precondition(
      firstKey >= 0 && firstKey <= firstQuery && window > 0
        && firstQuery + scores.rows.count <= firstKey + scores.columns.count, "a query must see its own key")
    unsafe decant_causal_softmax(
      scores.start, scores.stride, scores.rows.count, scores.columns.count, firstQuery, firstKey, window)
  }

  /// `output = silu(gate) * up`.
  static func gate(_ gate: MatrixPart, _ up: MatrixPart, into output: MatrixPart) {
    precondition(
      gate.rows.count == up.rows.count && gate.columns.count == up.columns.count && gate.stride == up.stride
        && output.rows.count == gate.rows.count && output.columns.count == gate.columns.count,
      "shapes do not fit a gate")
    unsafe decant_silu_multiply(
      gate.start, up.start, gate.stride, gate.rows.count, gate.columns.count, output.start, output.stride)
  }

  /// Adds `row[columns]` to every row of `values`.
  static func add(_ row: [Float], columns: Range<Int>, to values: MatrixPart) {
    precondition(
      columns.lowerBound >= 0 && columns.upperBound <= row.count && columns.count == values.columns.count,
      "shapes do not fit an addition")
    unsafe row.withUnsafeBufferPointer { row in
      guard let base = row.baseAddress else { return }
      unsafe decant_add_row(
        values.start, values.stride, base + columns.lowerBound, values.rows.count, values.columns.count)
    }
  }

  /// Adds the squares of every row of `values` to `sums`, row after row.
  static func addSquares(of values: MatrixPart, to sums: inout [Double]) {
    precondition(values.columns.count == sums.count, "shapes do not fit an addition")
    unsafe sums.withUnsafeMutableBufferPointer { sums in
      unsafe decant_add_squares(
        values.start, values.stride, values.rows.count, values.columns.count, sums.baseAddress)
    }
  }

  /// Keeps OpenBLAS from starting threads of its own: the workers are ours. Done once.
  static let useOneThreadPerCall: Void = { openblas_set_num_threads(1) }()

  static var coreName: String { unsafe String(cString: openblas_get_corename()) }

  static var instructionSet: String { unsafe String(cString: decant_inference_level()) }

  /// Uses the instruction set of that name from now on, if the processor has it. For tests.
  static func use(instructionSet name: String) -> Bool { unsafe decant_inference_use(name) }
}
