internal import CKernels

/// The calls into C, each with its counts checked first.
enum RowKernels {
  /// What log-softmax of a row of logits needs.
  struct LogSoftmax {
    /// Index of the greatest logit, the first of equals.
    let top: Int
    let maximum: Float
    /// ln of the sum of exp(logit - maximum). Not finite when a logit is infinite or not a number.
    let logSum: Double

    init(_ logits: Span<Float>) {
      precondition(!logits.isEmpty, "a row has logits")
      let result = unsafe logits.withUnsafeBufferPointer { unsafe decant_log_softmax_row($0.baseAddress, $0.count) }
      top = result.top
      maximum = result.maximum
      logSum = result.log_sum
    }

    /// Negative log-likelihood of the token with this logit, in nats.
    func nll(of logit: Float) -> Double { logSum - Double(logit - maximum) }
  }

  /// KL(before || after) in nats; exactly 0 for equal rows.
  static func divergence(
    before: Span<Float>, _ beforeSoftmax: LogSoftmax, after: Span<Float>, _ afterSoftmax: LogSoftmax
  ) -> Double {
    precondition(before.count == after.count, "both rows have the same tokens")
    return unsafe before.withUnsafeBufferPointer { before in
      unsafe after.withUnsafeBufferPointer { after in
        unsafe decant_divergence_row(
          before.baseAddress, beforeSoftmax.maximum, after.baseAddress, afterSoftmax.maximum, before.count)
      }
    }
  }

  /// Sums over pairs of values.
  struct Difference: Sendable {
    var squaredError = 0.0
    var beforeSquared = 0.0
    var afterSquared = 0.0
    var product = 0.0
    var largestError = 0.0

    init() {}

    init(before: Span<Float>, after: Span<Float>) {
      precondition(before.count == after.count, "there are pairs of values")
      let result = unsafe before.withUnsafeBufferPointer { before in
        unsafe after.withUnsafeBufferPointer { after in
          unsafe decant_difference_of(before.baseAddress, after.baseAddress, before.count)
        }
      }
      squaredError = result.squared_error
      beforeSquared = result.before_squared
      afterSquared = result.after_squared
      product = result.product
      largestError = result.largest_error
    }

    mutating func add(_ other: Difference) {
      squaredError += other.squaredError
      beforeSquared += other.beforeSquared
      afterSquared += other.afterSquared
      product += other.product
      // A NaN gets in, and nothing is greater than it afterwards.
      if other.largestError > largestError || other.largestError.isNaN { largestError = other.largestError }
    }
  }
}
