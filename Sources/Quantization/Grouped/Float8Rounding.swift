/// E4M3 with a scale for blocks, rows or all of a tensor.
public struct Float8Rounding: GroupRounding {
  public let extent: GroupExtent
  private let rule: Float8Rule
  private let element: ElementRounding
  private let kernels: KernelSet

  public var levels: GroupLevels { .e4m3 }
  public var offset: GroupOffset { .none }
  public var needsMagnitude: Bool { extent.rows == 0 }

  /// - Parameter element: the type of the weight.
  public init(extent: GroupExtent, rule: Float8Rule, element: ElementRounding, kernels: KernelSet = .best) {
    precondition(extent.rows != 0 || extent.columns == 0)
    self.extent = extent
    self.rule = rule
    self.element = element
    self.kernels = kernels
  }

  public func encode(_ values: Span<Float>, columns: Int, magnitude: Float, into groups: inout EncodedGroups) {
    kernels.roundFloat8(values, columns: columns, extent, rule, magnitude: magnitude, element, into: &groups)
  }
}
