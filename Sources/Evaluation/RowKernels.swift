internal import CKernels
public import Quantization

/// The calls into C, each with its counts checked first.
@_spi(Benchmarks) public enum RowKernels {
  /// What log-softmax of a row of logits needs.
  public struct LogSoftmax: Hashable, Sendable {
    /// Index of the greatest logit, the first of equals.
    public let top: Int
    public let maximum: Float
    /// ln of the sum of exp(logit - maximum). Not finite when a logit is infinite or not a number.
    public let logSum: Double

    public init(_ logits: Span<Float>, kernels: KernelSet = .best) {
      precondition(!logits.isEmpty, "a row has logits")
      var result = decant_log_softmax()
      unsafe logits.withUnsafeBufferPointer { logits in
        guard let start = logits.baseAddress else { return }
        unsafe kernels.table.log_softmax_row(start, logits.count, &result)
      }
      top = result.top
      maximum = result.maximum
      logSum = result.log_sum
    }

    /// Negative log-likelihood of the token with this logit, in nats.
    func nll(of logit: Float) -> Double { logSum - Double(logit - maximum) }
  }

  /// KL(before || after) in nats; exactly 0 for equal rows.
  public static func divergence(
    before: Span<Float>, _ beforeSoftmax: LogSoftmax, after: Span<Float>, _ afterSoftmax: LogSoftmax,
    kernels: KernelSet = .best
  ) -> Double {
    precondition(before.count == after.count, "both rows have the same tokens")
    return unsafe before.withUnsafeBufferPointer { before in
      unsafe after.withUnsafeBufferPointer { after in
        guard let start = before.baseAddress, let other = after.baseAddress else { return 0 }
        return unsafe kernels.table.divergence_row(
          start, beforeSoftmax.maximum, other, afterSoftmax.maximum, before.count)
      }
    }
  }

  /// Sums over pairs of values.
  public struct Difference: Hashable, Sendable {
    public internal(set) var squaredError = 0.0
    public internal(set) var beforeSquared = 0.0
    public internal(set) var afterSquared = 0.0
    public internal(set) var product = 0.0
    public internal(set) var largestError = 0.0

    public init() {}

    public init(before: Span<Float>, after: Span<Float>, kernels: KernelSet = .best) {
      precondition(before.count == after.count, "there are pairs of values")
      var result = decant_difference()
      unsafe before.withUnsafeBufferPointer { before in
        unsafe after.withUnsafeBufferPointer { after in
          guard let start = before.baseAddress, let other = after.baseAddress else { return }
          unsafe kernels.table.difference(start, other, before.count, &result)
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
