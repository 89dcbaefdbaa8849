internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// Weights as compressed-tensors stores them, for vLLM and transformers. Packed integers: `P.weight_packed` in I32, codes along
/// the rows made unsigned, `P.weight_scale`, `P.weight_shape`, and perhaps `P.weight_zero_point`, packed down the rows, and
/// `P.weight_g_idx`. Bytes: `P.weight` in I8 or F8_E4M3, `P.weight_scale`. Small floats: `P.weight_packed` in U8 with two codes a
/// byte, or `P.weight`, `P.weight_scale` of bytes, and for NVFP4 `P.weight_global_scale`, what these are divided by.
///
/// Source: compressed-tensors `compressors/quantized_compressors`.
struct CompressedTensorsLayout: WeightLayout {
  var name: String { "compressed-tensors" }
  var methods: [String] { ["compressed-tensors"] }

  /// Source: compressed-tensors `QuantizationConfig`.
  var settings: Set<String>? { Self.known }
  private static let known: Set<String> = [
    "quant_method", "format", "config_groups", "ignore", "kv_cache_scheme", "sparsity_config", "transform_config",
    "quantization_status", "global_compression_ratio", "version", "run_compressed", "dequantize",
    "use_optimized_inference",
    "provider",
  ]

  private static let otherEndings = [".input_scale", ".input_global_scale", ".output_scale", ".input_zero_point"]

  func weights(in source: any TensorSource, config: JSONValue?) throws(FileError) -> [FoundWeight] {
    guard let section = QuantizationSection(config, path: source.name), methods.contains(section.method) else {
      return []
    }
    try Self.check(section)
    let groups = try CompressedTensorsScheme.groups(of: section)
    let ignored = try ModuleTargets(section["ignore"], key: "ignore", section)
    var result: [FoundWeight] = []
    for scales in source.tensors where scales.name.hasSuffix(".weight_scale") {
      let parts = LayoutParts(
        module: String(scales.name.dropLast(".weight_scale".count)), layout: name, source: source)
      guard let codes = parts.part(".weight_packed") ?? parts.part(".weight") else { continue }
      try parts.requireElements(codes)
      if let entry = ignored.entry(for: parts.module) {
        throw LayoutRule.compressedTargets.broken(
          .mismatch, path: source.name, subject: codes.name,
          "is quantized, but config.json's \"ignore\" says that it is not (\(FileError.quoted(entry)))")
      }
      result.append(
        FoundWeight(
          place: codes.name,
          weight: try Self.weight(
            parts, codes, scales, groups.filter { $0.targets.mayName(parts.module) }, section, config: config)))
    }
    return result
  }

  private static func check(_ section: QuantizationSection) throws(FileError) {
    let known = CompressedTensorsScheme.formats + ["mixed-precision", "dense"]
    if let format = section["format"], !known.contains(format.string ?? "") {
      throw FileError(
        .unsupported, path: section.path, subject: "quantization_config.format",
        "\(format.shown) is a format of compressed-tensors that is not read; these are: "
          + known.joined(separator: ", "))
    }
    _ = try section.require(["quantization_status"], oneOf: ["compressed", "frozen"], or: "compressed")
    try section.refuse(["transform_config", "moe_sparsity_config"])
    if let sparsity = section["sparsity_config"]?["format"]?.string, sparsity != "dense" {
      throw FileError(
        .unsupported, path: section.path, subject: "quantization_config.sparsity_config.format",
        "\(FileError.quoted(sparsity)) leaves out values that are zero, which is not read (compressed-tensors opens it)"
      )
    }
  }

  // MARK: - A weight

  private static func weight(
    _ parts: LayoutParts, _ codes: TensorDescriptor, _ scales: TensorDescriptor, _ groups: [CompressedTensorsScheme],
    _ section: QuantizationSection, config: JSONValue?
  ) throws(FileError) -> GroupedWeight {
    guard !groups.isEmpty else {
      throw LayoutRule.compressedTargets.broken(
        .mismatch, path: section.path, subject: codes.name,
        "is quantized, but no config group of config.json is for it")
    }
    let original = ModelElementType.of(config) ?? (scaleEncodings.contains(scales.encoding) ? scales.encoding : .bf16)
    var refusal: FileError?
    // Of several groups that may be for a module, its tensors tell.
    for group in groups {
      do throws(FileError) {
        switch group.format {
        case "pack-quantized": return try packed(parts, codes, scales, group, original)
        case "nvfp4-pack-quantized": return try smallFloats(parts, codes, scales, group: 16, original)
        case "mxfp4-pack-quantized": return try smallFloats(parts, codes, scales, group: 32, original)
        case "mxfp8-quantized": return try bytes(parts, codes, scales, group, (1, 32), original)
        default: return try bytes(parts, codes, scales, group, group.block, original)
        }
      } catch {
        if error.code == .system { throw error }
        refusal = refusal ?? error
      }
    }
    throw refusal ?? parts.mismatch(codes, "what a config group says", .compressedGroup)
  }

  private static func others(_ parts: LayoutParts) -> [TensorDescriptor] { otherEndings.compactMap { parts.part($0) } }

  private static func packed(
    _ parts: LayoutParts, _ codes: TensorDescriptor, _ scales: TensorDescriptor, _ group: CompressedTensorsScheme,
    _ original: Encoding
  ) throws(FileError) -> GroupedWeight {
    let shape = try parts.require(".weight_shape", for: codes.name)
    guard shape.elementCount == 2, shape.encoding == .i64 || shape.encoding == .i32 else {
      throw parts.mismatch(shape, "two numbers of i64", .compressedShape)
    }
    let shapeBytes = try parts.source.bytes(of: shape.name)
    let width = shape.encoding.bytesPerBlock
    let sizes = [0, width].map { Int64(truncatingIfNeeded: UInt64(littleEndian: shapeBytes[$0..<$0 + width])) }
    guard codes.encoding == .i32, codes.shape.count == 2, sizes[0] == codes.shape[0], sizes[1] > 0,
      sizes[1] <= Int64(codes.shape[1]) * 32
    else {
      throw parts.mismatch(
        codes, "\(sizes[0]) rows of codes of \(group.bits) bits for \(sizes[1]) columns, of i32", .compressedShape)
    }
    let (rows, columns, bits) = (codes.shape[0], Int(sizes[1]), group.bits)
    let isDense = codes.shape[1] == (columns * bits).dividedRoundingUp(by: 32)
    guard isDense || codes.shape[1] == columns.dividedRoundingUp(by: 32 / bits) else {
      throw parts.mismatch(
        codes, "rows of \((columns * bits).dividedRoundingUp(by: 32)) words for \(columns) codes of \(bits) bits",
        .compressedShape)
    }
    let groupColumns = group.block.columns == 0 ? columns : min(group.block.columns, columns)
    let groupCount = columns.dividedRoundingUp(by: groupColumns)
    let scaleShapes = group.block.rows == 0 ? [[1], []] : [[rows, groupCount]] + (groupCount == 1 ? [[rows]] : [])
    guard scaleShapes.contains(scales.shape), let format = NumberFormat(scales.encoding),
      scaleEncodings.contains(scales.encoding)
    else { throw parts.mismatch(scales, "\(scaleShapes[0]) of f16, bf16 or f32") }
    var stored = [codes.name, scales.name, shape.name]
    var zeros: any GroupNumbers = ConstantNumber(value: Float(1 << (bits - 1)))
    if let points = parts.part(".weight_zero_point") {
      guard points.encoding == .i32,
        points.shape == [
          isDense ? (rows * bits).dividedRoundingUp(by: 32) : rows.dividedRoundingUp(by: 32 / bits), groupCount,
        ]
      else { throw parts.mismatch(points, "\(groupCount) columns of \(rows) codes of \(bits) bits, of i32") }
      stored.append(points.name)
      let packedCodes: any StoredCodes =
        isDense
        ? ColumnCodes(name: points.name, bits: bits, rows: groupCount, columns: rows)
        : WholeWordColumnCodes(name: points.name, bits: bits, rows: groupCount)
      zeros = PackedNumbers(codes: packedCodes, columns: rows, isTransposed: true)
    } else if !group.isSymmetric {
      _ = try parts.require(".weight_zero_point", for: codes.name)
    }
    var groupOfColumn: [Int32]?
    if let order = parts.part(".weight_g_idx") {
      stored.append(order.name)
      groupOfColumn = try ColumnOrder.groups(
        of: order, columns: columns, group: groupColumns, groups: groupCount, parts, allowsNone: true)
    }
    let packedCodes: any StoredCodes =
      isDense
      ? RowCodes(name: codes.name, bits: bits, columns: columns, rowBytes: codes.shape[1] * 4)
      : WholeWordCodes(name: codes.name, bits: bits, columns: columns)
    return GroupedWeight(
      name: parts.weightName, shape: [rows, columns], layout: CompressedTensorsLayout(), typeName: "int\(bits)",
      storedNames: stored + others(parts).map(\.name), originalEncoding: original, codes: packedCodes,
      groups: GroupedWeight.Groups(
        levels: .integers(bits: bits), columns: groupColumns, isRow: group.block.columns == 0,
        groupOfColumn: groupOfColumn,
        scales: StoredNumbers(
          name: scales.name, format: format, rows: rows, groups: groupCount,
          rowsPerNumber: group.block.rows == 0 ? rows : 1),
        offset: .zero, offsets: zeros),
      source: parts.source)
  }

  private static func smallFloats(
    _ parts: LayoutParts, _ codes: TensorDescriptor, _ scales: TensorDescriptor, group: Int, _ original: Encoding
  ) throws(FileError) -> GroupedWeight {
    guard codes.encoding == .u8, codes.shape.count >= 2, codes.columns % (group / 2) == 0 else {
      throw parts.mismatch(codes, "two codes a byte of u8 in whole blocks of \(group)")
    }
    let outer = Array(codes.shape.dropLast())
    let columns = codes.columns * 2
    let isNVFP4 = group == 16
    try parts.check(scales, isNVFP4 ? [.f8E4M3] : [.u8, .f8E8M0], outer + [columns / group])
    var stored = [codes.name, scales.name]
    var factor = StoredNumbers.Factor.none
    if isNVFP4 {
      let global = try parts.require(".weight_global_scale", for: codes.name)
      stored.append(global.name)
      factor = .dividedBy(try parts.scale(global))
    }
    return GroupedWeight(
      name: parts.weightName, shape: outer + [columns], layout: CompressedTensorsLayout(),
      typeName: isNVFP4 ? "nvfp4" : "mxfp4", storedNames: stored + others(parts).map(\.name),
      originalEncoding: original,
      codes: RowCodes(name: codes.name, bits: 4, columns: columns, rowBytes: columns / 2),
      groups: GroupedWeight.Groups(
        levels: .e2m1, columns: group,
        scales: StoredNumbers(
          name: scales.name, format: isNVFP4 ? .e4m3 : .exponent, rows: codes.rows, groups: columns / group,
          factor: factor)),
      source: parts.source)
  }

  private static func bytes(
    _ parts: LayoutParts, _ codes: TensorDescriptor, _ scales: TensorDescriptor, _ group: CompressedTensorsScheme,
    _ block: (rows: Int, columns: Int), _ original: Encoding
  ) throws(FileError) -> GroupedWeight {
    let isMX = group.format == "mxfp8-quantized"
    guard codes.encoding == (group.isFloat ? .f8E4M3 : .i8), codes.shape.count >= 2, !group.isFloat || group.bits == 8
    else { throw parts.mismatch(codes, "a matrix of \(group.isFloat ? "f8_e4m3" : "i8")") }
    let (rows, columns) = (codes.rows, codes.columns)
    // Blocks end where a matrix of a stack does.
    guard codes.shape.count == 2 || block.rows <= 1 || codes.shape[codes.shape.count - 2] % block.rows == 0 else {
      throw parts.mismatch(codes, "matrices of whole blocks of \(block.rows) rows")
    }
    let counts = [
      block.rows == 0 ? 1 : rows.dividedRoundingUp(by: block.rows),
      block.columns == 0 ? 1 : columns.dividedRoundingUp(by: block.columns),
    ]
    guard scales.shape.filter({ $0 != 1 }) == counts.filter({ $0 != 1 }),
      !isMX || scales.encoding == .u8 || scales.encoding == .f8E8M0
    else {
      throw parts.mismatch(scales, "\(counts), \(isMX ? "an exponent" : "a scale") for each block")
    }
    var offsets: StoredNumbers?
    var extra = others(parts)
    if let points = parts.part(".weight_zero_point") {
      guard points.encoding == .i8, points.shape == scales.shape else {
        throw parts.mismatch(points, "\(scales.shape) of i8")
      }
      extra.append(points)
      offsets = StoredNumbers(
        name: points.name, format: .signedByte, rows: rows, groups: counts[1],
        rowsPerNumber: block.rows == 0 ? rows : block.rows)
    } else if !group.isSymmetric {
      _ = try parts.require(".weight_zero_point", for: codes.name)
    }
    return try ScaledBytes(parts: parts, codes: codes, scales: scales, block: block).weight(
      levels: group.isFloat ? .e4m3 : .signedBytes, layout: CompressedTensorsLayout(),
      typeName: isMX ? "mxfp8" : group.isFloat ? "fp8" : "int8", original: original, byte: isMX ? .exponent : nil,
      others: extra, offset: offsets == nil ? .none : .zero, offsets: offsets)
  }

  func reader(of type: TargetType?) -> String { name }
}
