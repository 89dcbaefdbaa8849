/// How far a tensor has moved from what it was.
public struct TensorError: Hashable, Sendable {
  public let name: String
  public let shape: [Int]
  /// The encoding before: `bf16`.
  public let encodingBefore: String
  /// The encoding after: `q4_k`.
  public let encodingAfter: String
  /// ||after - before||² / ||before||²; 0 where nothing moved, infinite where zeros did.
  public internal(set) var relativeSquaredError: Double
  /// ||after - before||².
  public internal(set) var squaredError: Double
  /// Greatest |after - before| of an element.
  public let largestError: Double
  /// Cosine of the angle between the two; 1 where both are all zeros.
  public let cosine: Double
  /// This tensor's share of the squared error of all that were measured, 0 to 1.
  public internal(set) var shareOfError: Double
}

extension TensorError {
  /// All that were measured, the greatest relative error first, each with its share of the error of all.
  /// - Parameter errors: in the order of the model, which decides the last bits of the whole.
  public static func ranked(_ errors: [TensorError]) -> [TensorError] {
    let total = errors.reduce(0) { $0 + $1.squaredError }
    return order(of: errors).map { number in
      var error = errors[number]
      error.shareOfError = total == 0 ? 0 : error.squaredError / total
      return error
    }
  }

  /// The numbers of errors, that of the greatest first; of equals the earlier one first.
  static func order(of errors: [TensorError]) -> [Int] {
    errors.indices.sorted { one, other in
      isWorse(errors[one], errors[other]) || (!isWorse(errors[other], errors[one]) && one < other)
    }
  }

  /// What is not a number is worst; equals go by name.
  private static func isWorse(_ one: TensorError, _ other: TensorError) -> Bool {
    let (a, b) = (one.relativeSquaredError, other.relativeSquaredError)
    if a.isNaN != b.isNaN { return a.isNaN }
    if a.isNaN || a == b { return one.name < other.name }
    return a > b
  }
}
