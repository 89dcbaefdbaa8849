internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// Weights as AWQ's programs store them, in four bits. GEMM: `P.qweight` in I32 of shape `[in, out / 8]`, each word with codes of
/// eight neighbouring outputs in the order 0, 2, 4, 6, 1, 3, 5, 7, `P.qzeros` of `[groups, out / 8]` alike, `P.scales` of
/// `[groups, out]`. GEMV: `[out, in / 8]` in plain order, zeros of `[out, words]` and scales of `[out, 8 * words]`, of which the
/// last are not used. `value = scale * (code - zero)`.
///
/// Source: AutoAWQ `gemm.py`, `gemv.py`; GPTQModel and AutoRound write GEMM too.
struct AWQLayout: WeightLayout {
  var name: String { "awq" }
  var methods: [String] { ["awq", "gptq", "auto-round", "intel/auto-round"] }

  /// Programs write both ways with one set of settings.
  var settings: Set<String>? { GPTQLayout.known }
  private static let bits = 4

  private struct Settings {
    let group: Int
    let isGEMV: Bool
  }

  func weights(in source: any TensorSource, config: JSONValue?) throws(FileError) -> [FoundWeight] {
    guard let section = QuantizationSection(config, path: source.name), methods.contains(section.method) else {
      return []
    }
    let format = (section["checkpoint_format"] ?? section["format"])?.string?.lowercased()
    guard section.method == "awq" || format == "gemm" || section["packing_format"]?.string?.contains("awq") == true
    else {
      return []
    }
    let settings = try Self.settings(of: section)
    var result: [FoundWeight] = []
    for codes in source.tensors where codes.name.hasSuffix(".qweight") {
      let parts = LayoutParts(module: String(codes.name.dropLast(".qweight".count)), layout: "AWQ", source: source)
      try parts.requireElements(codes)
      result.append(FoundWeight(place: codes.name, weight: try weight(parts, codes, settings, config: config)))
    }
    if let scales = source.tensors.first(where: {
      $0.name.hasSuffix(".act.scales") || $0.name.hasSuffix(".gelu_impl.scales")
    }) {
      throw FileError(
        .unsupported, path: source.name, subject: scales.name,
        "divides what an activation gives, which no other layout can say; convert from the unquantized model")
    }
    return result
  }

  private static func settings(of section: QuantizationSection) throws(FileError) -> Settings {
    try section.refuse(["rotation", "adapter"])
    guard try section.integer("bits", "w_bit") ?? bits == bits else { throw section.refusal(of: "bits", "4") }
    let version =
      section.method == "awq" || section["version"] != nil
      ? try section.require(["version"], oneOf: ["gemm", "gemv"], or: "gemm") : "gemm"
    _ = try section.require(["backend"], oneOf: ["autoawq"], or: "autoawq")
    if section.method != "awq", section.method != "gptq" {
      _ = try section.require(
        ["packing_format"], oneOf: ["auto_round:auto_awq", "auto_round:awq", "auto_awq"], or: "auto_round:auto_awq")
    }
    let group = try section.integer("group_size", "q_group_size") ?? -1
    guard group > 0 || group == -1 else { throw section.refusal(of: "group_size", "-1 or more than 0") }
    return Settings(group: group, isGEMV: version == "gemv")
  }

  private func weight(
    _ parts: LayoutParts, _ codes: TensorDescriptor, _ settings: Settings, config: JSONValue?
  ) throws(FileError) -> GroupedWeight {
    let scales = try parts.require(".scales", for: codes.name)
    let zeros = try parts.require(".qzeros", for: codes.name)
    guard codes.encoding == .i32, codes.shape.count == 2 else { throw parts.mismatch(codes, "a matrix of i32") }
    guard scaleEncodings.contains(scales.encoding), let format = NumberFormat(scales.encoding) else {
      throw parts.mismatch(scales, "f16, bf16 or f32")
    }
    let rows = settings.isGEMV ? codes.shape[0] : codes.shape[1] * 8
    let columns = settings.isGEMV ? codes.shape[1] * 8 : codes.shape[0]
    let group = settings.group == -1 ? columns : settings.group
    guard rows > 0, columns > 0, columns % group == 0 else {
      throw parts.mismatch(codes, "rows that divide into groups of \(group), as config.json says", .awqGroups)
    }
    let groups = columns / group
    let stored: any StoredCodes
    let offsets: PackedNumbers
    let numbers: StoredNumbers
    if settings.isGEMV {
      guard zeros.shape.count == 2, zeros.shape[0] == rows, zeros.encoding == .i32, zeros.shape[1] * 8 >= groups,
        zeros.shape[1] <= groups
      else { throw parts.mismatch(zeros, "[\(rows), words] of i32 with \(groups) zeros") }
      try parts.check(scales, scaleEncodings, [rows, zeros.shape[1] * 8])
      let width = zeros.shape[1] * 8
      stored = RowCodes(name: codes.name, bits: Self.bits, columns: columns, rowBytes: columns / 2)
      offsets = PackedNumbers(
        codes: RowCodes(name: zeros.name, bits: Self.bits, columns: width, rowBytes: width / 2), columns: width,
        isTransposed: false)
      numbers = StoredNumbers(name: scales.name, format: format, rows: rows, groups: width)
    } else {
      try parts.check(scales, scaleEncodings, [groups, rows])
      try parts.check(zeros, [.i32], [groups, rows / 8])
      stored = InterleavedCodes(name: codes.name, rows: rows)
      offsets = PackedNumbers(
        codes: InterleavedCodes(name: zeros.name, rows: rows), columns: groups, isTransposed: false)
      numbers = StoredNumbers(name: scales.name, format: format, rows: rows, groups: groups, isTransposed: true)
    }
    return GroupedWeight(
      name: parts.weightName, shape: [rows, columns], layout: self, typeName: "int4",
      storedNames: [codes.name, zeros.name, scales.name],
      originalEncoding: ModelElementType.of(config) ?? scales.encoding,
      codes: stored,
      groups: GroupedWeight.Groups(
        levels: .integers(bits: Self.bits), columns: group, isRow: settings.group == -1, scales: numbers, offset: .zero,
        offsets: offsets),
      source: parts.source)
  }

  func reader(of type: TargetType?) -> String { "AWQ" }
}
