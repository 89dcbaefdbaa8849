/// GPTQModel's rounding to nearest (`RTNConfig`): ranges that contain 0, in F32; the values that come of it in the type of the
/// weight are packed, which finds the codes. Scales are stored as F16. Source: gptqmodel `quantization/quantizer.py`
/// (`Quantizer.find_params`), `quantization/rtn.py`, `nn_modules/qlinear` (`pack_block`).
public struct NearestRounding: GroupRounding {
  public let levels: GroupLevels
  public let extent: GroupExtent
  let isSymmetric: Bool
  let isPackedAsAWQ: Bool
  let element: ElementRounding
  private let kernels: KernelSet

  public var offset: GroupOffset { .zero }
  public var needsMagnitude: Bool { false }

  /// - Parameters:
  ///   - group: columns; 0 is all of the row's.
  ///   - isSymmetric: whether the zero is the middle code.
  ///   - isPackedAsAWQ: in the layout of AWQ (`format: gemm`), where codes are found by the scale as it is stored.
  ///   - element: the type of the weight.
  public init(
    bits: Int, group: Int, isSymmetric: Bool, isPackedAsAWQ: Bool = false, element: ElementRounding,
    kernels: KernelSet = .best
  ) {
    precondition(bits > 1 && bits <= 8)
    levels = .integers(bits: bits)
    extent = GroupExtent(columns: group)
    self.isSymmetric = isSymmetric
    self.isPackedAsAWQ = isPackedAsAWQ
    self.element = element
    self.kernels = kernels
  }

  public func encode(_ values: Span<Float>, columns: Int, magnitude: Float, into groups: inout EncodedGroups) {
    kernels.roundNearest(
      values, columns: columns, extent, bits: levels.bits, isSymmetric: isSymmetric, isPackedAsAWQ: isPackedAsAWQ,
      element,
      into: &groups)
  }
}
