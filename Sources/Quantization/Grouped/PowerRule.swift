/// How a library chooses a power of two for a group, and rounds to it. Exponents are from -127 to 127.
public enum PowerRule: Hashable, Sendable, CaseIterable {
  /// Up from the largest magnitude over the largest level, in the type of the weight; ties go to the smaller magnitude, and
  /// there is no -0. Source: mlx 0.32.
  case mlx
  /// From the exponent of the largest magnitude, rounded to two bits of significand. Source: compressed-tensors
  /// `quantization/utils/mxfp_utils.py`.
  case compressedTensors
  /// Up from the logarithm of the largest magnitude over the largest level; of E2M1, ties go to the smaller magnitude, and 0
  /// is stored as -0. Source: modelopt `quantization/qtensor/mxfp4_tensor.py`, `mxfp8_tensor.py`.
  case modelopt
  /// Up from the largest magnitude over the largest level, of the weight as BF16. Source: triton_kernels
  /// `numerics_details/mxfp.py` (`downcast_to_mxfp_torch`), by which transformers makes the experts of gpt-oss.
  case openAI
}
