/// Small floats in groups whose scale is a power of two (MXFP4, MXFP8).
public struct PowerRounding: GroupRounding {
  public let levels: GroupLevels
  public let extent: GroupExtent
  private let rule: PowerRule
  private let element: ElementRounding
  private let kernels: KernelSet

  public var offset: GroupOffset { .none }
  public var needsMagnitude: Bool { false }

  /// - Parameters:
  ///   - levels: E2M1 or E4M3.
  ///   - group: columns.
  ///   - element: the type of the weight.
  public init(
    levels: GroupLevels, group: Int = 32, rule: PowerRule, element: ElementRounding, kernels: KernelSet = .best
  ) {
    precondition((levels == .e2m1 || levels == .e4m3) && group > 0)
    self.levels = levels
    extent = GroupExtent(columns: group)
    self.rule = rule
    self.element = element
    self.kernels = kernels
  }

  public func encode(_ values: Span<Float>, columns: Int, magnitude: Float, into groups: inout EncodedGroups) {
    kernels.roundPower(values, columns: columns, extent, bits: levels.bits, rule, element, into: &groups)
  }
}
