public import Architectures
internal import Bytes
internal import CKernels
@_spi(Benchmarks) public import Quantization

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

  /// Takes the mean of each row away, divides it by its standard deviation, multiplies it by `weight` and adds `bias`,
  /// each of which may be empty for none.
  public func normalizeLayer(
    _ input: MatrixPart, weight: [Float], bias: [Float], epsilon: Float, into output: MatrixPart
  ) {
    precondition(
      input.rows.count == output.rows.count && input.columns.count == output.columns.count
        && [0, input.columns.count].contains(weight.count) && [0, input.columns.count].contains(bias.count),
      "shapes do not fit a normalization")
    unsafe weight.withUnsafeBufferPointer { weight in
      unsafe bias.withUnsafeBufferPointer { bias in
        unsafe table.layer_norm(
          input.start, input.stride, weight.isEmpty ? nil : weight.baseAddress, bias.isEmpty ? nil : bias.baseAddress,
          epsilon, input.rows.count, input.columns.count, output.start, output.stride)
      }
    }
  }

  /// Rotates the rows of one head by the angles of their positions and multiplies them by `scale`. `output` is
  /// contiguous; `cosines` and `sines` have a row a position.
  /// - Parameter isInterleaved: whether neighbours are turned together, rather than elements half of what is turned apart.
  public func rotate(
    _ input: MatrixPart, by angles: RotationTable, isInterleaved: Bool = false, scale: Float,
    into output: MatrixPart
  ) {
    precondition(
      input.columns.count >= 2 * angles.pairs && output.columns.count == input.columns.count
        && output.stride == input.columns.count && output.rows.count == input.rows.count
        && (angles.pairs == 0 || input.rows.count <= angles.positions),
      "shapes do not fit a rotation")
    unsafe angles.cosines.withUnsafeBufferPointer { cosines in
      unsafe angles.sines.withUnsafeBufferPointer { sines in
        // Without pairs nothing is read of the tables.
        guard let cosine = unsafe cosines.baseAddress ?? UnsafePointer(input.start),
          let sine = unsafe sines.baseAddress ?? UnsafePointer(input.start)
        else { return }
        unsafe table.rotate(
          input.start, input.stride, cosine, sine, scale, input.rows.count, angles.pairs, isInterleaved,
          input.columns.count, output.start)
      }
    }
  }

  /// `cap * tanh(value / cap)` of every value, in place.
  public func softCap(_ values: MatrixPart, cap: Float) {
    unsafe table.soft_cap(values.start, values.stride, values.rows.count, values.columns.count, cap)
  }

  /// Causal softmax in place: row 0 is query `firstQuery`, column 0 is key `firstKey`, keys `window` or more before
  /// their query do not count.
  /// - Parameters:
  ///   - slope: what a key loses for each position that it lies before its query.
  ///   - sink: the score of a key that has no value.
  public func causalSoftmax(
    _ scores: MatrixPart, firstQuery: Int, firstKey: Int, window: Int, slope: Float = 0, sink: Float? = nil
  ) {
    precondition(
      firstKey >= 0 && firstKey <= firstQuery && window > 0
        && firstQuery + scores.rows.count <= firstKey + scores.columns.count, "a query must see its own key")
    func apply(_ sink: UnsafePointer<Float>?) {
      unsafe table.causal_softmax(
        scores.start, scores.stride, scores.rows.count, scores.columns.count, firstQuery, firstKey, window, slope, sink)
    }
    guard var sink else { return apply(nil) }
    unsafe withUnsafePointer(to: &sink) { unsafe apply($0) }
  }

  /// `output = activation(gate) * up`, or without `up` where there is none.
  public func activate(
    _ gate: MatrixPart, _ up: MatrixPart? = nil, _ activation: Activation = .silu, into output: MatrixPart
  ) {
    precondition(
      gate.rows.count == (up ?? gate).rows.count && gate.columns.count == (up ?? gate).columns.count
        && gate.stride == (up ?? gate).stride && output.rows.count == gate.rows.count
        && output.columns.count == gate.columns.count,
      "shapes do not fit a gate")
    unsafe table.activate(
      gate.start, up.map { unsafe UnsafePointer($0.start) }, gate.stride, gate.rows.count, gate.columns.count,
      activation.kernel, output.start, output.stride)
  }

  /// Copies a part to another one of the same size.
  public func copy(_ source: MatrixPart, to target: MatrixPart) {
    precondition(
      source.rows.count == target.rows.count && source.columns.count == target.columns.count, "sizes differ")
    for (from, to) in zip(source.rows, target.rows) {
      source.matrix.withRow(from) { values in
        target.matrix.withMutableRows(to..<to + 1) { own in
          own.copy(values.extracting(source.columns), at: target.columns.lowerBound)
        }
      }
    }
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

  /// Adds the squares of every row of `values` to `sums`, each rounded to a whole unit.
  /// - Returns: false where a value is infinite or no number, or a sum too large; the sums are none then.
  public func addSquaresExactly(of values: MatrixPart, to sums: inout [SquareSum]) -> Bool {
    precondition(values.columns.count == sums.count, "shapes do not fit an addition")
    return unsafe sums.withUnsafeMutableBytes { sums in
      // Limbs of 64 bits, the lower first: so integers lie in the memory of all machines that kernels are compiled for.
      guard let limbs = unsafe sums.baseAddress?.assumingMemoryBound(to: UInt64.self) else { return true }
      return unsafe table.add_squares_exactly(
        values.start, values.stride, values.rows.count, values.columns.count, limbs)
    }
  }
}

extension Activation {
  var kernel: decant_activation {
    switch self {
    case .silu: DECANT_SILU
    case .gelu: DECANT_GELU
    case .geluTanh: DECANT_GELU_TANH
    case .relu: DECANT_RELU
    case .swigluOAI: DECANT_SWIGLU_OAI
    }
  }
}
