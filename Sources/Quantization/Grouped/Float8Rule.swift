/// How a library finds the scale of values in E4M3, the largest of which becomes 448.
public enum Float8Rule: Hashable, Sendable, CaseIterable {
  /// Source: transformers `integrations/finegrained_fp8.py` (`Fp8Quantize`), whose scales are called `weight_scale_inv`.
  case transformers
  /// The same with the next power of two, which F8_E8M0 holds (`scale_fmt: ue8m0`).
  case transformersPowers
  /// In the type of the weight. Source: compressed-tensors `quantization/utils/helpers.py` (`calculate_qparams`).
  case compressedTensors
  /// Source: modelopt `export/quant_utils.py` (`get_scaling_factor`, `to_quantized_weight`).
  case modelopt
}
