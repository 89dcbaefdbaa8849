/// How a library rounds to NVFP4.
public enum NVFP4Rule: Hashable, Sendable, CaseIterable {
  /// No number for the tensor. In the type of the weight; ties go to the smaller magnitude, and there is no -0. Source: mlx
  /// `ops.cpp` (`fp_quantize`).
  case mlx
  /// The tensor's number is that by which values were multiplied: 448 * 6 over the largest magnitude. Source: compressed-tensors
  /// `quantization/utils/helpers.py` (`generate_gparam`, `calculate_qparams`).
  case compressedTensors
  /// The tensor's number is that by which values are to be multiplied: the largest magnitude over 448 * 6. Source: modelopt
  /// `quantization/qtensor/nvfp4_tensor.py`.
  case modelopt

  /// Whether a value is divided by the tensor's number, rather than multiplied with it.
  var dividesByNumber: Bool { self == .compressedTensors }
}
