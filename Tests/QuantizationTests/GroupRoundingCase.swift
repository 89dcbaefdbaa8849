import Quantization
import Testing

/// What a library makes of the weights in `groups.safetensors`, and who should make the same of them.
struct GroupRoundingCase: Sendable, CustomTestStringConvertible {
  /// `library/rounding` of the golden file.
  let key: String
  let make: @Sendable (ElementRounding, KernelSet) -> any GroupRounding

  var testDescription: String { key }

  static let all: [GroupRoundingCase] =
    affine + minMax + nearest + smallFloats + [
      GroupRoundingCase(key: "bitsandbytes/int8") { _, kernels in LLMInt8Rounding(kernels: kernels) }
    ]

  private static let affine = [(2, 32), (3, 64), (4, 64), (4, 32), (5, 128), (6, 32), (8, 64)].map { (bits, group) in
    GroupRoundingCase(key: "mlx/affine-\(bits)-\(group)") { element, kernels in
      AffineRounding(bits: bits, group: group, element: element, kernels: kernels)
    }
  }

  private static let minMax = [
    minMax("int4-32", 4, GroupExtent(columns: 32)),
    minMax("int4-32-zeros", 4, GroupExtent(columns: 32), isSymmetric: false),
    minMax("int3-64-zeros", 3, GroupExtent(columns: 64), isSymmetric: false),
    minMax("int8-row", 8, GroupExtent(columns: 0)),
    minMax("int8-row-zeros", 8, GroupExtent(columns: 0), isSymmetric: false),
    minMax("signed-row", 8, GroupExtent(columns: 0), isSigned: true),
    minMax("signed-row-zeros", 8, GroupExtent(columns: 0), isSymmetric: false, isSigned: true),
    minMax("signed-tensor", 8, GroupExtent(rows: 0, columns: 0), isSigned: true),
  ]

  private static func minMax(
    _ name: String, _ bits: Int, _ extent: GroupExtent, isSymmetric: Bool = true, isSigned: Bool = false
  ) -> GroupRoundingCase {
    GroupRoundingCase(key: "compressed-tensors/" + name) { element, kernels in
      MinMaxRounding(
        bits: bits, extent: extent, isSymmetric: isSymmetric, isSigned: isSigned, element: element, kernels: kernels)
    }
  }

  private static let nearest =
    [
      nearest("2-32-zeros", 2, 32, isSymmetric: false), nearest("3-row", 3, 0, isSymmetric: true),
      nearest("4-64", 4, 64, isSymmetric: true), nearest("4-32-zeros", 4, 32, isSymmetric: false),
      nearest("8-128-zeros", 8, 128, isSymmetric: false),
      GroupRoundingCase(key: "gptqmodel/awq-32-zeros") { element, kernels in
        NearestRounding(
          bits: 4, group: 32, isSymmetric: false, isPackedAsAWQ: true, element: element, kernels: kernels)
      },
    ]
    + [32, 128].map { group in
      GroupRoundingCase(key: "autoawq/4-\(group)") { _, kernels in AWQRounding(group: group, kernels: kernels) }
    }

  private static func nearest(_ name: String, _ bits: Int, _ group: Int, isSymmetric: Bool) -> GroupRoundingCase {
    GroupRoundingCase(key: "gptqmodel/" + name) { element, kernels in
      NearestRounding(bits: bits, group: group, isSymmetric: isSymmetric, element: element, kernels: kernels)
    }
  }

  private static let smallFloats = [
    power("mlx/mxfp4", .e2m1, .mlx), power("mlx/mxfp8", .e4m3, .mlx),
    power("compressed-tensors/mxfp4", .e2m1, .compressedTensors),
    power("compressed-tensors/mxfp8", .e4m3, .compressedTensors),
    power("modelopt/mxfp4", .e2m1, .modelopt), power("modelopt/mxfp8", .e4m3, .modelopt),
    nvfp4("mlx/nvfp4", .mlx), nvfp4("compressed-tensors/nvfp4", .compressedTensors),
    nvfp4("modelopt/nvfp4", .modelopt),
    float8("compressed-tensors/float8-row", GroupExtent(columns: 0), .compressedTensors),
    float8("compressed-tensors/float8-tensor", GroupExtent(rows: 0, columns: 0), .compressedTensors),
    float8("compressed-tensors/float8-block", GroupExtent(rows: 6, columns: 48), .compressedTensors),
    float8("transformers/block", GroupExtent(rows: 8, columns: 64), .transformers),
    float8("transformers/row", GroupExtent(columns: 0), .transformers),
    float8("transformers/tensor", GroupExtent(rows: 0, columns: 0), .transformers),
    float8("transformers/powers", GroupExtent(rows: 4, columns: 32), .transformersPowers),
    float8("modelopt/float8-tensor", GroupExtent(rows: 0, columns: 0), .modelopt),
    float8("modelopt/float8-row", GroupExtent(columns: 0), .modelopt),
  ]

  private static func power(_ key: String, _ levels: GroupLevels, _ rule: PowerRule) -> GroupRoundingCase {
    GroupRoundingCase(key: key) { element, kernels in
      PowerRounding(levels: levels, rule: rule, element: element, kernels: kernels)
    }
  }

  private static func nvfp4(_ key: String, _ rule: NVFP4Rule) -> GroupRoundingCase {
    GroupRoundingCase(key: key) { element, kernels in NVFP4Rounding(rule: rule, element: element, kernels: kernels) }
  }

  private static func float8(_ key: String, _ extent: GroupExtent, _ rule: Float8Rule) -> GroupRoundingCase {
    GroupRoundingCase(key: key) { element, kernels in
      Float8Rounding(extent: extent, rule: rule, element: element, kernels: kernels)
    }
  }
}
