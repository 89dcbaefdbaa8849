internal import Bytes

/// Second moments in an order, damped and factored: `A = M D M^T`, M unit upper triangular. Computed in Double, with the same bits
/// on every processor and for every number of workers.
struct FactoredMoments: Sendable {
  /// What comes at each place.
  let order: [Int]
  /// `M`, by places.
  let factor: Matrix
  /// `D`, by places.
  let weights: [Float]
  /// The damped moments themselves, by what `order` puts in order.
  let damped: Matrix

  private static let blockSize = 64

  /// - Parameters:
  ///   - damping: what is added to the diagonal, as a part of its mean.
  ///   - isTurned: whether `factor` has rows and columns exchanged.
  /// - Returns: nil where the moments are not those of anything, not finite, or not positive, and where the process was asked to stop.
  init?(
    _ moments: SymmetricMoments, order: [Int], damping: Double, isTurned: Bool = false, kernels: KernelSet = .best
  ) {
    let count = moments.order
    precondition(order.count == count, "everything has a place")
    // Without any moment all count alike.
    let mean = moments.meanDiagonal > 0 ? moments.meanDiagonal : 1
    guard mean.isFinite else { return nil }
    let added = moments.meanDiagonal > 0 ? damping * mean : 1
    let matrix = DoubleMatrix(rows: count, columns: count)
    for row in 0..<count {
      for column in row..<count { matrix[row, column] = Double(moments[order[row], order[column]]) }
      matrix[row, row] += added
    }
    let damped = Matrix(rows: count, columns: count)
    for row in 0..<count {
      damped.withMutableRows(row..<row + 1) { values in
        for column in 0..<count {
          values[column] = Float(Double(moments[row, column]) + (row == column ? added : 0))
        }
      }
    }
    guard Self.factor(matrix, kernels) else { return nil }
    let factor = Matrix(rows: count, columns: count)
    for row in 0..<count {
      factor.withMutableRows(row..<row + 1) { values in
        for column in 0..<count {
          let (one, other) = isTurned ? (column, row) : (row, column)
          values[column] = one == other ? 1 : one < other ? Float(matrix[one, other]) : 0
        }
      }
    }
    self.order = order
    self.factor = factor
    self.damped = damped
    weights = (0..<count).map { Float(matrix[$0, $0]) }
  }

  private static func factor(_ matrix: DoubleMatrix, _ kernels: KernelSet) -> Bool {
    let count = matrix.rows
    let scaled = DoubleMatrix(rows: min(blockSize, max(1, count)), columns: count)
    var end = count
    while end > 0 {
      let block = max(0, end - blockSize)..<end
      guard Interruption.signal == nil, matrix.factorBlock(block, kernels) else { return false }
      let above = stride(from: 0, to: block.lowerBound, by: blockSize).map {
        $0..<min($0 + blockSize, block.lowerBound)
      }
      for rows in above { matrix.solve(rows, above: block, scaled: scaled, kernels) }
      for rows in above {
        matrix.subtract(rows, times: block, scaled, columns: rows.lowerBound..<block.lowerBound, kernels)
      }
      end = block.lowerBound
    }
    return true
  }
}
