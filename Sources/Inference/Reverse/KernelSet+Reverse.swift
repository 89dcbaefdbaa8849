internal import Architectures
internal import CKernels
@_spi(Benchmarks) internal import Quantization

/// The steps of a forward pass backwards, each with its shapes checked first. Gradients are changed in place: from those
/// with respect to what a step has given to those with respect to what it was given.
extension KernelSet {
  /// One head of rows that `norm` has normalized, `input` being what it was given.
  /// - Parameter weight: empty where there is none.
  func reverseNormalize(
    _ input: MatrixPart, weight: [Float], epsilon: Float, isCentered: Bool, gradient: MatrixPart
  ) {
    precondition(
      input.rows.count == gradient.rows.count && input.columns.count == gradient.columns.count
        && [0, input.columns.count].contains(weight.count), "shapes do not fit a normalization")
    unsafe weight.withUnsafeBufferPointer { weight in
      unsafe table.norm_reverse(
        input.start, input.stride, weight.isEmpty ? nil : weight.baseAddress, epsilon, isCentered, input.rows.count,
        input.columns.count, gradient.start, gradient.stride)
    }
  }

  /// `gate` and `up` become their gradients.
  func reverseActivate(_ gate: MatrixPart, _ up: MatrixPart?, _ activation: Activation, gradient: MatrixPart) {
    precondition(
      gate.rows.count == gradient.rows.count && gate.columns.count == gradient.columns.count
        && (up ?? gate).rows.count == gate.rows.count && (up ?? gate).columns.count == gate.columns.count
        && (up ?? gate).stride == gate.stride, "shapes do not fit a gate")
    unsafe table.activate_reverse(
      gate.start, up?.start, gate.stride, gate.rows.count, gate.columns.count, activation.kernel, gradient.start,
      gradient.stride)
  }

  /// - Parameter shares: what the softmax has given.
  func reverseSoftmax(_ shares: MatrixPart, gradient: MatrixPart) {
    precondition(
      shares.rows.count == gradient.rows.count && shares.columns.count == gradient.columns.count, "sizes differ")
    unsafe table.softmax_reverse(
      shares.start, shares.stride, shares.rows.count, shares.columns.count, gradient.start, gradient.stride)
  }

  /// - Parameter capped: what the cap has given.
  func reverseSoftCap(_ capped: MatrixPart, cap: Float, gradient: MatrixPart) {
    precondition(
      capped.rows.count == gradient.rows.count && capped.columns.count == gradient.columns.count, "sizes differ")
    unsafe table.soft_cap_reverse(
      capped.start, capped.stride, capped.rows.count, capped.columns.count, cap, gradient.start, gradient.stride)
  }

  /// What is drawn from the softmax of a row of logits.
  struct Drawn {
    /// The first place up to which the shares are more than the draw.
    let place: Int
    /// ln of the sum of exp(logit - greatest). Not finite where a logit is infinite or not a number.
    let logSum: Double
    /// The greatest logit.
    let maximum: Float
  }

  /// Logits become the shares of their softmax.
  /// - Parameter draw: at least 0 and less than 1.
  func draw(from logits: inout MutableSpan<Float>, _ draw: Double) -> Drawn {
    precondition(!logits.isEmpty, "a row has logits")
    var softmax = decant_log_softmax()
    let place = unsafe logits.withUnsafeMutableBufferPointer { logits in
      guard let start = logits.baseAddress else { return 0 }
      return unsafe table.draw_row(start, logits.count, draw, &softmax)
    }
    return Drawn(place: place, logSum: softmax.log_sum, maximum: softmax.maximum)
  }

  /// `target` is `source` with rows and columns exchanged.
  func transpose(_ source: Matrix, into target: Matrix) {
    precondition(source.rows == target.columns && source.columns == target.rows, "shapes do not fit")
    unsafe table.transpose_floats(
      source.start(row: 0, column: 0), source.rows, source.columns, target.start(row: 0, column: 0))
  }

  /// Adds `source` to a part of the same size.
  func add(_ source: MatrixPart, to target: MatrixPart) {
    precondition(
      source.rows.count == target.rows.count && source.columns.count == target.columns.count, "sizes differ")
    for (from, to) in zip(source.rows, target.rows) {
      source.matrix.withRow(from) { values in
        target.matrix.withMutableRows(to..<to + 1) { own in
          for (one, other) in zip(source.columns, target.columns) { own[other] += values[one] }
        }
      }
    }
  }

  /// Sets a part to zero.
  func clear(_ part: MatrixPart) {
    for row in part.rows {
      part.matrix.withMutableRows(row..<row + 1) { values in for column in part.columns { values[column] = 0 } }
    }
  }
}
