/// AutoAWQ's rounding to 4 bits with zeros, after its search: all in F16, whatever the type of the weight. Source: autoawq
/// `quantize/quantizer.py` (`pseudo_quantize_tensor`), `modules/linear/gemm.py` (`from_linear`).
public struct AWQRounding: GroupRounding {
  public let extent: GroupExtent
  private let kernels: KernelSet

  public var levels: GroupLevels { .integers(bits: 4) }
  public var offset: GroupOffset { .zero }
  public var needsMagnitude: Bool { false }

  /// - Parameter group: columns; 0 is all of the row's.
  public init(group: Int, kernels: KernelSet = .best) {
    extent = GroupExtent(columns: group)
    self.kernels = kernels
  }

  public func encode(_ values: Span<Float>, columns: Int, magnitude: Float, into groups: inout EncodedGroups) {
    kernels.roundAWQ(values, columns: columns, extent, into: &groups)
  }
}
