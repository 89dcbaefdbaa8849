/// bitsandbytes' rows of signed bytes, of the weight as F16, as it loads one on a CPU: outliers are those of activations, so that
/// none is left out. A scale is a row's largest magnitude, which 127 stands for. Source: bitsandbytes
/// `backends/default/ops.py` (`int8_vectorwise_quant`).
public struct LLMInt8Rounding: GroupRounding {
  private let kernels: KernelSet

  public var levels: GroupLevels { .signedBytes }
  public var offset: GroupOffset { .none }
  public var extent: GroupExtent { GroupExtent(columns: 0) }
  public var needsMagnitude: Bool { false }

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public func encode(_ values: Span<Float>, columns: Int, magnitude: Float, into groups: inout EncodedGroups) {
    kernels.roundLLMInt8(values, columns: columns, extent, into: &groups)
  }
}
