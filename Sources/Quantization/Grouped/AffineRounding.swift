/// MLX's `quantize` in its affine mode, as its CPU backend computes it, in F32 whatever the type of the weight. Source: mlx
/// `backend/cpu/quantized.cpp`.
///
/// The end of a group's range that is farther from 0 becomes the bias, and is a whole number of scales.
public struct AffineRounding: GroupRounding {
  public let levels: GroupLevels
  public let extent: GroupExtent
  let element: ElementRounding
  private let kernels: KernelSet

  public var offset: GroupOffset { .bias }
  public var needsMagnitude: Bool { false }

  /// - Parameters:
  ///   - bits: 1 to 6, or 8.
  ///   - group: columns, 32, 64 or 128.
  ///   - element: the type of the weight, and of scales and biases.
  public init(bits: Int, group: Int, element: ElementRounding, kernels: KernelSet = .best) {
    precondition(bits > 0 && bits <= 8 && group > 0)
    levels = .integers(bits: bits)
    extent = GroupExtent(columns: group)
    self.element = element
    self.kernels = kernels
  }

  public func encode(_ values: Span<Float>, columns: Int, magnitude: Float, into groups: inout EncodedGroups) {
    kernels.roundAffine(values, columns: columns, extent, bits: levels.bits, element, into: &groups)
  }
}
