internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// Weights in FP8 as DeepSeek, transformers, vLLM and FBGEMM store them: `P.weight` in F8_E4M3 and what it is multiplied with,
/// `P.weight_scale_inv` for blocks of rows and columns or the whole, `P.weight_scale` for the whole or every row, `P.scale` in
/// DeepSeek V4. Scales are floats, or exponents of two in F8_E8M0 or bytes. DeepSeek V4 has experts in MXFP4 beside them:
/// `P.weight` in I8, two codes a byte, and `P.scale`.
///
/// Scales of activations change no weight and are left out. Source: transformers `integrations/finegrained_fp8.py`.
struct FP8Layout: WeightLayout {
  var name: String { "fp8" }
  var methods: [String] { ["fp8", "fbgemm_fp8"] }

  /// Source: transformers `FineGrainedFP8Config`, `FbgemmFp8Config`.
  var settings: Set<String>? { Self.known }
  private static let known: Set<String> = [
    "quant_method", "activation_scheme", "weight_block_size", "modules_to_not_convert", "modules_to_convert",
    "ignored_layers",
    "fmt", "scale_fmt", "dequantize", "expert_dtype", "activation_scale_ub", "kv_cache_scheme", "version",
  ]

  private static let scaleEndings = [".weight_scale_inv", ".weight_scale", ".scale", ".qscale_weight"]
  /// Scales of what a weight is multiplied with.
  private static let activationEndings = [
    ".input_scale", ".activation_scale", ".qscale_act", ".input_scale_ub", ".k_scale", ".v_scale",
  ]

  func weights(in source: any TensorSource, config: JSONValue?) throws(FileError) -> [FoundWeight] {
    let section = QuantizationSection(config, path: source.name)
    if let section, !methods.contains(section.method) { return [] }
    var block: (rows: Int, columns: Int)?
    if let section {
      _ = try section.require(["fmt"], oneOf: ["e4m3", "float8_e4m3fn"], or: "e4m3")
      if let sizes = section["weight_block_size"].map({ ($0.array ?? []).map(\.int) }) {
        guard sizes.count == 2, let rows = sizes[0], let columns = sizes[1], rows > 0, columns > 0 else {
          throw section.refusal(of: "weight_block_size", "two numbers of rows and columns")
        }
        block = (rows, columns)
      }
    }
    var result: [FoundWeight] = []
    for codes in source.tensors where codes.name.hasSuffix(".weight") {
      let isFloat = codes.encoding == .f8E4M3
      guard isFloat || codes.encoding == .i8 || codes.encoding == .u8 else { continue }
      let parts = LayoutParts(module: String(codes.name.dropLast(".weight".count)), layout: "FP8", source: source)
      let found = Self.scaleEndings.compactMap { parts.part($0) }
      guard let scales = found.first else { continue }
      guard found.count == 1 else {
        throw LayoutRule.storedOnce.broken(
          .malformed, path: source.name, subject: found[1].name,
          "is there beside \(scales.name), so that \(codes.name) has two lots of scales")
      }
      let original = ModelElementType.of(config) ?? .bf16
      let weight =
        isFloat
        ? try Self.bytes(parts, codes, scales, block, original, others: Self.activations(parts))
        : try Self.experts(parts, codes, scales, original, isCertain: section != nil)
      if let weight { result.append(FoundWeight(place: codes.name, weight: weight)) }
    }
    return result
  }

  private static func activations(_ parts: LayoutParts) -> [TensorDescriptor] {
    activationEndings.compactMap { parts.part($0) }
  }

  private static func bytes(
    _ parts: LayoutParts, _ codes: TensorDescriptor, _ scales: TensorDescriptor, _ named: (rows: Int, columns: Int)?,
    _ original: Encoding, others: [TensorDescriptor]
  ) throws(FileError) -> GroupedWeight {
    try parts.requireElements(codes)
    guard codes.shape.count >= 2, let block = ScaledBytes.block(of: scales, codes, named: named),
      // Blocks end where a matrix of a stack does, and where they are named there are no others.
      named.map({ $0 == block && (codes.shape.count == 2 || codes.shape[codes.shape.count - 2] % $0.rows == 0) })
        ?? true
    else {
      throw parts.mismatch(
        scales,
        named.map {
          "one for each block of \($0.rows) x \($0.columns), as config.json says, of a matrix of \(codes.shape)"
        }
          ?? "one scale, or one for each of \(codes.rows) rows: config.json has no \"weight_block_size\"",
        .fp8Blocks)
    }
    return try ScaledBytes(parts: parts, codes: codes, scales: scales, block: block).weight(
      levels: .e4m3, layout: FP8Layout(), typeName: "fp8", original: original, byte: .exponent, others: others)
  }

  /// Experts of DeepSeek V4: MXFP4 with the earlier of two codes in the low half of a byte.
  private static func experts(
    _ parts: LayoutParts, _ codes: TensorDescriptor, _ scales: TensorDescriptor, _ original: Encoding,
    isCertain: Bool
  ) throws(FileError) -> GroupedWeight? {
    guard scales.encoding == .f8E8M0, codes.shape.count == 2 else {
      // Other programs have such names too.
      guard isCertain else { return nil }
      throw scales.encoding == .f8E8M0
        ? parts.mismatch(codes, "a matrix of two codes a byte")
        : parts.mismatch(scales, "f8_e8m0 beside \(codes.name) in \(codes.encoding.name)")
    }
    try parts.requireElements(codes)
    let columns = codes.shape[1] * 2
    guard columns % 32 == 0 else { throw parts.mismatch(codes, "rows of whole blocks of 32 codes", .fp8Blocks) }
    try parts.check(scales, [.f8E8M0], [codes.shape[0], columns / 32])
    return GroupedWeight(
      name: parts.weightName, shape: [codes.shape[0], columns], layout: FP8Layout(), typeName: "mxfp4",
      storedNames: [codes.name, scales.name], originalEncoding: original,
      codes: RowCodes(name: codes.name, bits: 4, columns: columns, rowBytes: columns / 2),
      groups: GroupedWeight.Groups(
        levels: .e2m1, columns: 32,
        scales: StoredNumbers(name: scales.name, format: .exponent, rows: codes.shape[0], groups: columns / 32)),
      source: parts.source)
  }

  func reader(of type: TargetType?) -> String { "FP8" }
}
