/// compressed-tensors' whole numbers as llm-compressor's `oneshot` rounds them with a `QuantizationModifier`: ranges by its
/// min-max observer, arithmetic in the type of the weight. Source: compressed-tensors `quantization/utils/helpers.py`
/// (`calculate_qparams`), `quantization/lifecycle/forward_helpers.py`.
public struct MinMaxRounding: GroupRounding {
  public let levels: GroupLevels
  public let offset: GroupOffset
  public let extent: GroupExtent
  let bits: Int
  let isSymmetric: Bool
  let element: ElementRounding
  private let kernels: KernelSet

  public var needsMagnitude: Bool { extent.rows == 0 }

  /// - Parameters:
  ///   - bits: 2 to 8.
  ///   - isSymmetric: whether 0 is the middle code. A scale for all of the tensor is symmetric.
  ///   - isSigned: codes and zeros are in two's complement, as `int-quantized` stores those of 8 bits; there are no zeros where
  ///     it is symmetric. Else both are `2^(bits - 1)` more, as `pack-quantized` stores them, whose symmetric zeros are that.
  public init(
    bits: Int, extent: GroupExtent, isSymmetric: Bool, isSigned: Bool = false, element: ElementRounding,
    kernels: KernelSet = .best
  ) {
    precondition(bits > 1 && bits <= 8 && (bits == 8 || !isSigned))
    precondition(extent.rows != 0 || extent.columns == 0 && isSymmetric)
    levels = isSigned ? .signedBytes : .integers(bits: bits)
    offset = isSigned && isSymmetric ? .none : .zero
    self.extent = extent
    self.bits = bits
    self.isSymmetric = isSymmetric
    self.element = element
    self.kernels = kernels
  }

  public func encode(_ values: Span<Float>, columns: Int, magnitude: Float, into groups: inout EncodedGroups) {
    kernels.roundMinMax(
      values, columns: columns, extent, bits: bits, isSymmetric: isSymmetric, isSigned: levels == .signedBytes,
      magnitude: magnitude, element, hasOffsets: offset != .none, into: &groups)
  }
}
