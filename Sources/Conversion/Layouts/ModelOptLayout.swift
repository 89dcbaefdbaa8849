internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// Weights as NVIDIA's Model Optimizer stores them. NVFP4: `P.weight` in U8 with two codes a byte, the earlier in the low half,
/// `P.weight_scale` in F8_E4M3 for every 16 elements, `P.weight_scale_2`, what these are multiplied with. FP8: `P.weight` in
/// F8_E4M3 and `P.weight_scale` for the whole, every row, or blocks of 128 x 128. MXFP8: exponents for every 32 elements.
///
/// Source: nvidia-modelopt `NVFP4QTensor`, `export/quant_utils.py`.
struct ModelOptLayout: WeightLayout {
  var name: String { "modelopt" }
  var methods: [String] { ["modelopt", "modelopt_fp4", "modelopt_mixed", "modelopt_fp8"] }

  /// Source: modelopt `convert_hf_config`.
  var settings: Set<String>? { Self.known }
  private static let known: Set<String> = [
    "quant_method", "quant_algo", "kv_cache_quant_algo", "kv_cache_scheme", "group_size", "exclude_modules", "ignore",
    "config_groups", "quantized_layers", "producer", "has_zero_point", "pre_quant_scale",
  ]

  private static let algorithms = [
    "fp8", "fp8_per_channel_per_token", "fp8_pb_wo", "nvfp4", "w4a16_nvfp4", "mxfp8", "mixed_precision",
  ]
  /// Scales of activations and of what is cached.
  private static let otherEndings = [".input_scale", ".k_scale", ".v_scale", ".q_scale", ".output_scale"]
  /// What changes weights or what they are multiplied with.
  private static let changing = [".pre_quant_scale", ".svdquant_lora_a", ".svdquant_lora_b"]

  func weights(in source: any TensorSource, config: JSONValue?) throws(FileError) -> [FoundWeight] {
    guard let section = QuantizationSection(config, path: source.name), methods.contains(section.method) else {
      return []
    }
    _ = try section.require(["quant_algo"], oneOf: Self.algorithms, or: "mixed_precision")
    for layer in try section.object("quantized_layers").sorted(by: { $0.key < $1.key }) {
      guard let algorithm = layer.value["quant_algo"]?.string?.lowercased(), Self.algorithms.contains(algorithm) else {
        throw FileError(
          .unsupported, path: source.name, subject: layer.key,
          "is quantized by \(FileError.quoted(layer.value["quant_algo"]?.string ?? "nothing")), which is not read; these are: "
            + Self.algorithms.joined(separator: ", "))
      }
    }
    if let group = try section.integer("group_size"), group != 16, group != 0 {
      throw section.refusal(of: "group_size", "16")
    }
    var result: [FoundWeight] = []
    for codes in source.tensors where codes.name.hasSuffix(".weight") {
      let parts = LayoutParts(
        module: String(codes.name.dropLast(".weight".count)), layout: "modelopt", source: source)
      if let changing = Self.changing.lazy.compactMap({ parts.part($0) }).first {
        throw FileError(
          .unsupported, path: source.name, subject: changing.name,
          "changes what the weight is multiplied with, and is not read; convert from the unquantized model")
      }
      guard codes.encoding == .u8 || codes.encoding == .f8E4M3, let scales = parts.part(".weight_scale") else {
        continue
      }
      let original = ModelElementType.of(config) ?? .bf16
      let others = Self.otherEndings.compactMap { parts.part($0) }
      try parts.requireElements(codes)
      try Self.checkAlgorithm(section, parts, codes, scales)
      result.append(
        FoundWeight(
          place: codes.name,
          weight: codes.encoding == .u8
            ? try nvfp4(parts, codes, scales, original, others) : try bytes(parts, codes, scales, original, others)))
    }
    return result
  }

  /// What the codes are is what config.json says of them.
  private static func checkAlgorithm(
    _ section: QuantizationSection, _ parts: LayoutParts, _ codes: TensorDescriptor, _ scales: TensorDescriptor
  ) throws(FileError) {
    let named = section["quantized_layers"]?[parts.module]?["quant_algo"] ?? section["quant_algo"]
    guard let algorithm = named?.string?.lowercased(), algorithm != "mixed_precision" else { return }
    let isOfThat =
      algorithm.hasSuffix("nvfp4")
      ? codes.encoding == .u8 : codes.encoding == .f8E4M3 && isExponent(scales) == (algorithm == "mxfp8")
    guard !isOfThat else { return }
    throw parts.mismatch(
      codes,
      "what config.json says: \(FileError.quoted(algorithm)), with scales of \(scales.encoding.name) beside them",
      .modelOptAlgorithm)
  }

  private static func isExponent(_ scales: TensorDescriptor) -> Bool {
    scales.encoding == .u8 || scales.encoding == .f8E8M0
  }

  private func nvfp4(
    _ parts: LayoutParts, _ codes: TensorDescriptor, _ scales: TensorDescriptor, _ original: Encoding,
    _ others: [TensorDescriptor]
  ) throws(FileError) -> GroupedWeight {
    let second = try parts.require(".weight_scale_2", for: codes.name)
    guard codes.shape.count >= 2, codes.columns % 8 == 0 else {
      throw parts.mismatch(codes, "rows of whole blocks of 16 codes")
    }
    let outer = Array(codes.shape.dropLast())
    let columns = codes.columns * 2
    try parts.check(scales, [.f8E4M3], outer + [columns / 16])
    let rows = codes.rows
    return GroupedWeight(
      name: parts.weightName, shape: outer + [columns], layout: self, typeName: "nvfp4",
      storedNames: [codes.name, scales.name, second.name] + others.map(\.name), originalEncoding: original,
      codes: RowCodes(name: codes.name, bits: 4, columns: columns, rowBytes: columns / 2),
      groups: GroupedWeight.Groups(
        levels: .e2m1, columns: 16,
        scales: StoredNumbers(
          name: scales.name, format: .e4m3, rows: rows, groups: columns / 16,
          factor: .times(try parts.scale(second)))),
      source: parts.source)
  }

  private func bytes(
    _ parts: LayoutParts, _ codes: TensorDescriptor, _ scales: TensorDescriptor, _ original: Encoding,
    _ others: [TensorDescriptor]
  ) throws(FileError) -> GroupedWeight {
    let isExponent = Self.isExponent(scales)
    guard codes.shape.count == 2 else { throw parts.mismatch(codes, "a matrix") }
    guard let block = ScaledBytes.block(of: scales, codes, named: isExponent ? (1, 32) : (128, 128)),
      !isExponent || block == (1, 32)
    else {
      throw parts.mismatch(
        scales,
        (isExponent
          ? "an exponent for every 32 elements of a row"
          : "one scale, one for each row, or one for each block of 128 x 128")
          + ", for \(codes.shape)")
    }
    return try ScaledBytes(parts: parts, codes: codes, scales: scales, block: block).weight(
      levels: .e4m3, layout: self, typeName: isExponent ? "mxfp8" : "fp8", original: original, byte: .exponent,
      others: others)
  }

  func reader(of type: TargetType?) -> String { "modelopt" }
}
