extension LayerMoments {
  /// What errors of the weights of some rows cost: the mean, over the tokens that were held back, of the square of what the loss
  /// changes by to first order; without gradients, of the length of what the layer's output changes by. Where nothing was held back, the same by
  /// the moments themselves.
  /// - Parameters:
  ///   - errors: row after row.
  ///   - rows: their numbers in the layer.
  public func damage(of errors: Span<Float>, rows: [Int], kernels: KernelSet = .best) -> Double {
    let columns = inputs.order
    let matrix = self.matrix(errors, rows: rows)
    let memory = KernelSet.productMemory()
    if let sample, sample.tokens > 0 {
      let given = Matrix(rows: sample.tokens, columns: columns)
      given.withMutableRows(0..<sample.tokens) { own in for index in own.indices { own[index] = sample.inputs[index] } }
      let changes = Matrix(rows: sample.tokens, columns: rows.count)
      kernels.multiply(given.part(), transposed: matrix.part(), into: changes.part(), isFused: false, memory: memory)
      let width = sample.gradients.count / sample.tokens
      var total = 0.0
      for token in 0..<sample.tokens {
        total += changes.withRow(token) { change in
          var sum = 0.0
          if width == 0 {
            for index in change.indices { sum += Double(change[index]) * Double(change[index]) }
            return sum
          }
          for (index, row) in rows.enumerated() {
            sum += Double(change[index]) * Double(sample.gradients[token * width + row])
          }
          return sum * sum
        }
      }
      return total / Double(sample.tokens)
    }
    return quadratic(matrix, rows: rows, memory: memory, kernels)
  }

  /// `tr(G E H E^T)` of errors of the weights of some rows, by the moments: with gradients, twice what the divergence of the
  /// model's predictions rises by for a token that reaches the layer, to second order.
  /// - Parameters:
  ///   - errors: row after row.
  ///   - rows: their numbers in the layer.
  public func quadratic(of errors: Span<Float>, rows: [Int], kernels: KernelSet = .best) -> Double {
    quadratic(matrix(errors, rows: rows), rows: rows, memory: KernelSet.productMemory(), kernels)
  }

  private func matrix(_ errors: Span<Float>, rows: [Int]) -> Matrix {
    precondition(errors.count == rows.count * inputs.order, "shapes do not fit")
    let matrix = Matrix(rows: rows.count, columns: inputs.order)
    matrix.withMutableRows(0..<rows.count) { own in for index in own.indices { own[index] = errors[index] } }
    return matrix
  }

  private func quadratic(_ errors: Matrix, rows: [Int], memory: Matrix, _ kernels: KernelSet) -> Double {
    let columns = inputs.order
    let moments = Matrix(rows: columns, columns: columns)
    for row in 0..<columns {
      moments.withMutableRows(row..<row + 1) { own in for column in own.indices { own[column] = inputs[row, column] } }
    }
    let product = Matrix(rows: rows.count, columns: columns)
    kernels.multiply(errors.part(), moments.part(), into: product.part(), isFused: false, memory: memory)
    let pairs = Matrix(rows: rows.count, columns: rows.count)
    kernels.multiply(product.part(), transposed: errors.part(), into: pairs.part(), isFused: false, memory: memory)
    var total = 0.0
    for (one, row) in rows.enumerated() {
      pairs.withRow(one) { values in
        guard let gradients else { return total += Double(values[one]) }
        for (other, column) in rows.enumerated() { total += Double(values[other]) * Double(gradients[row, column]) }
      }
    }
    return total
  }

  /// What is known of some rows of the layer.
  public func rows(_ rows: [Int]) -> LayerMoments {
    guard let gradients, rows != Array(0..<gradients.order) else { return self }
    var result = self
    result.gradients = SymmetricMoments(
      order: rows.count, values: rows.indices.flatMap { row in (0...row).map { gradients[rows[row], rows[$0]] } })
    return result
  }
}
