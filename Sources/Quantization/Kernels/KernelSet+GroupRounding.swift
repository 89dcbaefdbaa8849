internal import Bytes
internal import CKernels

// Values to codes of a byte and numbers of groups.

/// Whole rows of values, how they are grouped, and where codes, scales and offsets go; those are missing where there are none.
typealias RoundingLoop =
  @convention(c) (
    _ values: UnsafePointer<Float>, _ rows: Int, _ columns: Int, _ how: UnsafePointer<decant_rounding>,
    _ codes: UnsafeMutablePointer<UInt8>, _ scales: UnsafeMutablePointer<Float>, _ offsets: UnsafeMutablePointer<Float>?
  ) -> Void

extension KernelSet {
  func roundAffine(
    _ values: Span<Float>, columns: Int, _ extent: GroupExtent, bits: Int, _ element: ElementRounding,
    into groups: inout EncodedGroups
  ) {
    let how = decant_rounding(extent, bits: bits, element)
    unsafe run(table.round_affine, values, columns, how, extent, hasOffsets: true, into: &groups)
  }

  func roundMinMax(
    _ values: Span<Float>, columns: Int, _ extent: GroupExtent, bits: Int, isSymmetric: Bool, isSigned: Bool,
    magnitude: Float, _ element: ElementRounding, hasOffsets: Bool, into groups: inout EncodedGroups
  ) {
    var how = decant_rounding(extent, bits: bits, element)
    how.is_symmetric = isSymmetric
    how.is_signed = isSigned
    how.magnitude = magnitude
    unsafe run(table.round_min_max, values, columns, how, extent, hasOffsets: hasOffsets, into: &groups)
  }

  func roundNearest(
    _ values: Span<Float>, columns: Int, _ extent: GroupExtent, bits: Int, isSymmetric: Bool, isPackedAsAWQ: Bool,
    _ element: ElementRounding, into groups: inout EncodedGroups
  ) {
    var how = decant_rounding(extent, bits: bits, element)
    how.is_symmetric = isSymmetric
    how.rule = isPackedAsAWQ ? DECANT_NEAREST_AWQ : DECANT_NEAREST_GPTQ
    unsafe run(table.round_nearest, values, columns, how, extent, hasOffsets: true, into: &groups)
  }

  func roundAWQ(_ values: Span<Float>, columns: Int, _ extent: GroupExtent, into groups: inout EncodedGroups) {
    let how = decant_rounding(extent, bits: 4, .f16)
    unsafe run(table.round_awq, values, columns, how, extent, hasOffsets: true, into: &groups)
  }

  func roundLLMInt8(_ values: Span<Float>, columns: Int, _ extent: GroupExtent, into groups: inout EncodedGroups) {
    let how = decant_rounding(extent, bits: 8, .f16)
    unsafe run(table.round_llm_int8, values, columns, how, extent, hasOffsets: false, into: &groups)
  }

  func roundPower(
    _ values: Span<Float>, columns: Int, _ extent: GroupExtent, bits: Int, _ rule: PowerRule,
    _ element: ElementRounding,
    into groups: inout EncodedGroups
  ) {
    var how = decant_rounding(extent, bits: bits, element)
    how.rule = rule.kernelRule
    unsafe run(table.round_power, values, columns, how, extent, hasOffsets: false, into: &groups)
  }

  /// - Parameter number: what is stored for the whole tensor, by which `rule` divides.
  func roundNVFP4(
    _ values: Span<Float>, columns: Int, _ extent: GroupExtent, _ rule: NVFP4Rule, number: Float,
    _ element: ElementRounding, into groups: inout EncodedGroups
  ) {
    var how = decant_rounding(extent, bits: 4, element)
    how.rule = rule.kernelRule
    how.magnitude = number
    unsafe run(table.round_nvfp4, values, columns, how, extent, hasOffsets: false, into: &groups)
  }

  func roundFloat8(
    _ values: Span<Float>, columns: Int, _ extent: GroupExtent, _ rule: Float8Rule, magnitude: Float,
    _ element: ElementRounding, into groups: inout EncodedGroups
  ) {
    var how = decant_rounding(extent, bits: 8, element)
    how.rule = rule.kernelRule
    how.magnitude = magnitude
    unsafe run(table.round_float8, values, columns, how, extent, hasOffsets: false, into: &groups)
  }

  private func run(
    _ loop: RoundingLoop, _ values: Span<Float>, _ columns: Int, _ how: decant_rounding, _ extent: GroupExtent,
    hasOffsets: Bool, into groups: inout EncodedGroups
  ) {
    let rows = columns == 0 ? 0 : values.count / columns
    precondition(rows * columns == values.count, "whole rows")
    let groupRows = extent.rows == 0 ? min(rows, 1) : rows.dividedRoundingUp(by: extent.rows)
    let count = groupRows * (extent.columns == 0 ? 1 : columns.dividedRoundingUp(by: extent.columns))
    groups.makeRoom(codes: values.count, groups: count, hasOffsets: hasOffsets)
    unsafe values.withUnsafeBufferPointer { values in
      unsafe groups.codes.withUnsafeMutableBufferPointer { codes in
        unsafe groups.scales.withUnsafeMutableBufferPointer { scales in
          unsafe groups.offsets.withUnsafeMutableBufferPointer { offsets in
            guard let from = values.baseAddress, let codes = codes.baseAddress, let scales = scales.baseAddress else {
              return
            }
            unsafe withUnsafePointer(to: how) { how in
              unsafe loop(from, rows, columns, how, codes, scales, hasOffsets ? offsets.baseAddress : nil)
            }
          }
        }
      }
    }
  }
}

extension EncodedGroups {
  /// Room for codes and numbers, which hold anything.
  mutating func makeRoom(codes codeCount: Int, groups: Int, hasOffsets: Bool) {
    if codes.count != codeCount { codes = [UInt8](repeating: 0, count: codeCount) }
    if scales.count != groups { scales = [Float](repeating: 0, count: groups) }
    let offsetCount = hasOffsets ? groups : 0
    if offsets.count != offsetCount { offsets = [Float](repeating: 0, count: offsetCount) }
  }
}

extension decant_rounding {
  fileprivate init(_ extent: GroupExtent, bits: Int, _ element: ElementRounding) {
    self.init()
    group_rows = extent.rows
    group_columns = extent.columns
    self.bits = UInt32(bits)
    self.element = element.kernelElement
  }
}

extension ElementRounding {
  fileprivate var kernelElement: decant_element {
    switch self {
    case .f32: DECANT_F32
    case .f16: DECANT_F16
    case .bf16: DECANT_BF16
    }
  }
}

extension PowerRule {
  fileprivate var kernelRule: decant_rule {
    switch self {
    case .mlx: DECANT_POWER_MLX
    case .compressedTensors: DECANT_POWER_COMPRESSED_TENSORS
    case .modelopt: DECANT_POWER_MODELOPT
    case .openAI: DECANT_POWER_OPENAI
    }
  }
}

extension NVFP4Rule {
  fileprivate var kernelRule: decant_rule {
    switch self {
    case .mlx: DECANT_NVFP4_MLX
    case .compressedTensors: DECANT_NVFP4_COMPRESSED_TENSORS
    case .modelopt: DECANT_NVFP4_MODELOPT
    }
  }

  /// The number that is stored for a tensor; nil where there is none.
  func number(magnitude: Float, _ element: ElementRounding) -> Float? {
    self == .mlx ? nil : decant_nvfp4_number(magnitude, element.kernelElement, kernelRule)
  }
}

extension Float8Rule {
  fileprivate var kernelRule: decant_rule {
    switch self {
    case .transformers: DECANT_FLOAT8_TRANSFORMERS
    case .transformersPowers: DECANT_FLOAT8_TRANSFORMERS_POWERS
    case .compressedTensors: DECANT_FLOAT8_COMPRESSED_TENSORS
    case .modelopt: DECANT_FLOAT8_MODELOPT
    }
  }
}
