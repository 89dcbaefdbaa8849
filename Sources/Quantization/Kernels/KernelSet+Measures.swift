internal import CKernels

extension KernelSet {
  /// The index of the first value that is NaN or infinite; nil where all are finite.
  public func firstNonFinite(in values: Span<Float>) -> Int? {
    let index = unsafe values.withUnsafeBufferPointer { values in
      guard let start = values.baseAddress else { return 0 }
      return unsafe table.first_non_finite(start, values.count)
    }
    return index < values.count ? index : nil
  }

  /// Whether as many values are those of the other side: zeros are equal whatever their signs, NaN equals nothing.
  public func areEqual(_ values: Span<Float>, _ others: Span<Float>) -> Bool {
    guard values.count == others.count else { return false }
    return unsafe values.withUnsafeBufferPointer { values in
      unsafe others.withUnsafeBufferPointer { others in
        guard let one = values.baseAddress, let other = others.baseAddress else { return true }
        return unsafe table.are_equal(one, other, values.count)
      }
    }
  }

  /// The largest magnitude; NaN or infinite where one is, 0 of nothing.
  public func largestMagnitude(of values: Span<Float>) -> Float {
    unsafe values.withUnsafeBufferPointer { values in
      guard let start = values.baseAddress else { return 0 }
      return unsafe table.largest_magnitude(start, values.count)
    }
  }

  /// The sum of the squares, in Double, in an order that depends on the count only: value `i` is added to lane
  /// `i % 16`, and the lanes are added in order.
  public func sumOfSquares(_ values: Span<Float>) -> Double {
    unsafe values.withUnsafeBufferPointer { values in
      guard let start = values.baseAddress else { return 0 }
      return unsafe table.sum_of_squares(start, values.count)
    }
  }

  /// The sum of the squared differences of two tensors of the same size, in Double, in the order of `sumOfSquares`.
  public func sumOfSquaredDifferences(_ values: Span<Float>, _ others: Span<Float>) -> Double {
    precondition(values.count == others.count, "the sizes differ")
    return unsafe values.withUnsafeBufferPointer { values in
      unsafe others.withUnsafeBufferPointer { others in
        guard let start = values.baseAddress, let other = others.baseAddress else { return 0 }
        return unsafe table.sum_of_squared_differences(start, other, values.count)
      }
    }
  }

  /// The Euclidean norm of every row of `weights`, summed in Double: what DoRA divides by.
  public func rowNorms(_ weights: Span<Float>, columns: Int) -> [Double] {
    precondition(columns > 0 && weights.count % columns == 0, "the rows are not whole")
    return (0..<weights.count / columns).map { row in
      sumOfSquares(weights.extracting(row * columns..<(row + 1) * columns)).squareRoot()
    }
  }

  /// Adds `scale * up * down` to `weights`: the update of a low-rank adapter.
  ///
  /// Every sum is taken in Float over ascending rank, then multiplied by `scale`, then added; so the result depends
  /// neither on the machine nor on how the rows are divided among calls.
  /// - Parameters:
  ///   - down: `[rank, columns]`, LoRA's A.
  ///   - up: `[rows, rank]`, the rows of LoRA's B that belong to the rows of `weights`.
  ///   - weights: `[rows, columns]`.
  public func addOuterProduct(
    rows: Int, columns: Int, rank: Int, scale: Float, down: Span<Float>, up: Span<Float>,
    into weights: inout MutableSpan<Float>
  ) {
    precondition(down.count == rank * columns, "down is not [rank, columns]")
    precondition(up.count == rows * rank, "up is not [rows, rank]")
    precondition(weights.count == rows * columns, "weights is not [rows, columns]")
    unsafe down.withUnsafeBufferPointer { down in
      unsafe up.withUnsafeBufferPointer { up in
        unsafe weights.withUnsafeMutableBufferPointer { weights in
          guard let down = down.baseAddress, let up = up.baseAddress, let weights = weights.baseAddress else { return }
          unsafe table.add_outer_product(rows, columns, rank, scale, down, up, weights)
        }
      }
    }
  }
}
