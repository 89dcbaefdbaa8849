/// LongRoPE: a divisor for every frequency, of one list in texts up to the original context and of another in longer
/// ones.
public struct LongRopeScaling: Hashable, Sendable {
  public var shortDivisors: [Float]
  public var longDivisors: [Float]
  public var originalContextLength: Int

  public init(shortDivisors: [Float], longDivisors: [Float], originalContextLength: Int) {
    self.shortDivisors = shortDivisors
    self.longDivisors = longDivisors
    self.originalContextLength = originalContextLength
  }
}
