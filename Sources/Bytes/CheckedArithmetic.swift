extension Int {
  /// This rounded up to a multiple of `alignment`; nil on overflow.
  public func roundedUp(toMultipleOf alignment: Int) -> Int? {
    let remainder = self % alignment
    guard remainder != 0 else { return self }
    let (result, overflow) = addingReportingOverflow(alignment - remainder)
    return overflow ? nil : result
  }

  /// The quotient rounded up, for counts of blocks and panels.
  public func dividedRoundingUp(by divisor: Int) -> Int {
    self / divisor + (self % divisor == 0 ? 0 : 1)
  }
}
