/// E2M1 in groups of 16 whose scale is an E4M3, beside a number for the whole tensor (NVFP4).
public struct NVFP4Rounding: GroupRounding {
  let rule: NVFP4Rule
  let element: ElementRounding
  private let kernels: KernelSet

  public var levels: GroupLevels { .e2m1 }
  public var offset: GroupOffset { .none }
  public var extent: GroupExtent { GroupExtent(columns: 16) }
  public var needsMagnitude: Bool { rule != .mlx }

  /// - Parameter element: the type of the weight.
  public init(rule: NVFP4Rule, element: ElementRounding, kernels: KernelSet = .best) {
    self.rule = rule
    self.element = element
    self.kernels = kernels
  }

  /// The number that is stored for a tensor whose largest magnitude is given; nil where none is.
  public func globalScale(magnitude: Float) -> Float? { rule.number(magnitude: magnitude, element) }

  public func encode(_ values: Span<Float>, columns: Int, magnitude: Float, into groups: inout EncodedGroups) {
    kernels.roundNVFP4(
      values, columns: columns, extent, rule, number: globalScale(magnitude: magnitude) ?? 1, element, into: &groups)
  }
}
