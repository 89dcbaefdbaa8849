internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// Weights as MLX quantizes them: `P.weight` in U32 with codes of 2 to 8 bits along the rows, `P.scales`, and for affine ones
/// `P.biases`; `value = scale * code + bias`. In the modes `mxfp4`, `mxfp8` and `nvfp4` codes are small floats, scales bytes,
/// and there are no biases. Bits, group size and mode of each module stand in config.json.
///
/// Source: mlx `quantize`, `dequantize`; mlx-lm `utils.py`.
struct MLXLayout: WeightLayout {
  private static let scalesEnding = ".scales"
  private static let biasesEnding = ".biases"
  private static let globalEnding = ".global_scale"

  var name: String { "mlx" }
  var methods: [String] { ["mlx", ""] }

  /// Source: mlx-lm `utils.py`.
  var settings: Set<String>? { Self.known }
  private static let known: Set<String> = [
    "quant_method", "group_size", "bits", "mode", "linear_class", "quantization_mode",
  ]

  /// How a module is quantized.
  private struct Scheme: Equatable {
    let mode: String
    let bits: Int
    let group: Int

    static let modes: [String: (bits: Int, group: Int)] = [
      "affine": (4, 64), "mxfp4": (4, 32), "mxfp8": (8, 32), "nvfp4": (4, 16),
    ]

    var isAffine: Bool { mode == "affine" }

    var levels: GroupLevels {
      switch mode {
      case "affine": .integers(bits: bits)
      case "mxfp8": .e4m3
      default: .e2m1
      }
    }

    var type: GroupType {
      GroupType(
        layout: "mlx", name: isAffine ? "int\(bits)" : mode, extent: GroupExtent(columns: group), isSymmetric: !isAffine
      )
    }

    /// What the codes and scales of rows that long would be.
    func fits(words: Int, groups: Int) -> Bool {
      let (columns, isTooMany) = groups.multipliedReportingOverflow(by: group)
      guard !isTooMany, columns <= Int.max / 8 else { return false }
      return columns * bits == words * 32
    }
  }

  func weights(in source: any TensorSource, config: JSONValue?) throws(FileError) -> [FoundWeight] {
    let section = QuantizationSection(config, path: source.name)
    var result: [FoundWeight] = []
    for scales in source.tensors where scales.name.hasSuffix(Self.scalesEnding) {
      let module = String(scales.name.dropLast(Self.scalesEnding.count))
      let parts = LayoutParts(module: module, layout: "MLX", source: source)
      guard let codes = parts.part(".weight"), codes.encoding == .u32 else { continue }
      guard let section else {
        throw LayoutRule.oneSection.broken(
          .missing, path: source.name, subject: codes.name,
          "is a weight of MLX, but there is no config.json with \"quantization\", which says how many bits its codes have"
        )
      }
      guard section.method.isEmpty || section.method == name else {
        throw FileError(
          .unsupported, path: source.name, subject: codes.name,
          "is a weight of MLX, but config.json says quant_method \(FileError.quoted(section.method))")
      }
      try parts.requireElements(codes)
      result.append(
        FoundWeight(place: codes.name, weight: try weight(parts, codes, scales, section, config: config)))
    }
    if let section, section.method.isEmpty { try Self.checkEntries(section, found: Set(result.map(\.place)), source) }
    return result
  }

  private func weight(
    _ parts: LayoutParts, _ codes: TensorDescriptor, _ scales: TensorDescriptor, _ section: QuantizationSection,
    config: JSONValue?
  ) throws(FileError) -> GroupedWeight {
    let outer = Array(codes.shape.dropLast())
    guard !outer.isEmpty, Array(scales.shape.dropLast()) == outer, let words = codes.shape.last,
      let groups = scales.shape.last
    else { throw parts.mismatch(scales, "\(outer) and the groups of a row, as \(codes.name) has \(codes.shape)") }
    let scheme = try Self.scheme(
      of: parts.module, words: words, groups: groups, section)
    var stored = [codes.name, scales.name]
    var offset: (GroupOffset, (any GroupNumbers)?) = (.none, nil)
    let rows = outer.reduce(1, *)
    if scheme.isAffine {
      guard scaleEncodings.contains(scales.encoding), let format = NumberFormat(scales.encoding) else {
        throw parts.mismatch(scales, "f16, bf16 or f32 for affine groups")
      }
      let biases = try parts.require(Self.biasesEnding, for: scales.name)
      try parts.check(biases, scaleEncodings, scales.shape)
      stored.append(biases.name)
      offset = (
        .bias,
        StoredNumbers(
          name: biases.name, format: NumberFormat(biases.encoding) ?? format, rows: rows, groups: groups)
      )
    } else {
      guard scales.encoding == .u8 else { throw parts.mismatch(scales, "u8 for the mode \(scheme.mode)") }
      if let biases = parts.part(Self.biasesEnding) {
        throw LayoutRule.mlxBiases.broken(
          .malformed, path: parts.source.name, subject: biases.name,
          "is there, but the mode \(scheme.mode) has no biases")
      }
    }
    let format: NumberFormat =
      scheme.isAffine ? NumberFormat(scales.encoding) ?? .e4m3 : scheme.mode == "nvfp4" ? .e4m3 : .exponent
    let plain = StoredNumbers(name: scales.name, format: format, rows: rows, groups: groups)
    var numbers: any GroupNumbers = plain
    if section[parts.module]?["global_scale"] == .bool(true) {
      _ = try parts.require(Self.globalEnding, for: codes.name)
    }
    if let global = parts.part(Self.globalEnding) {
      numbers = try Self.scaled(plain, by: global, outer, scheme, parts)
      stored.append(global.name)
    }
    let columns = groups * scheme.group
    return GroupedWeight(
      name: codes.name, shape: outer + [columns], layout: self,
      typeName: scheme.isAffine ? "int\(scheme.bits)" : scheme.mode, storedNames: stored,
      originalEncoding: ModelElementType.of(config) ?? (scheme.isAffine ? scales.encoding : .bf16),
      codes: RowCodes(name: codes.name, bits: scheme.bits, columns: columns, rowBytes: words * 4),
      groups: GroupedWeight.Groups(
        levels: scheme.levels, columns: scheme.group, scales: numbers, offset: offset.0, offsets: offset.1),
      type: numbers is StoredNumbers ? TargetType(groups: scheme.type) : nil, source: parts.source)
  }

  /// Scales of experts in NVFP4 that were made small by what the largest value of each expert asks for.
  private static func scaled(
    _ numbers: StoredNumbers, by global: TensorDescriptor, _ outer: [Int], _ scheme: Scheme, _ parts: LayoutParts
  ) throws(FileError) -> NumbersOfStack {
    guard scheme.mode == "nvfp4", outer.count == 2 else {
      throw parts.mismatch(global, "no such scale but for stacks of experts in the mode nvfp4", .mlxBiases)
    }
    try parts.check(global, [.f32], [outer[0]])
    let values = try PlainTensor(global, in: parts.source).values()
    guard values.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw LayoutRule.wholeScale.broken(
        .malformed, path: parts.source.name, subject: global.name, "holds what is no scale")
    }
    // The largest scale times the largest code.
    return NumbersOfStack(numbers: numbers, factors: values.map { $0 / (448 * 6) }, rows: max(1, outer[1]))
  }

  /// How a module is quantized: as its own entry says, else as the section does where shapes agree, else as shapes alone tell.
  private static func scheme(
    of module: String, words: Int, groups: Int, _ section: QuantizationSection
  ) throws(FileError) -> Scheme {
    let whole = try scheme(section.members, module: nil, section)
    let entry = section[module]
    var named = whole
    if let members = entry?.object {
      named = try scheme(members, module: module, section)
    } else if let entry, entry.bool == nil {
      throw LayoutRule.mlxEntry.broken(
        .malformed, path: section.path, subject: "quantization.\(module)",
        "is neither an object nor true or false, so that it does not say how the module is quantized")
    }
    if entry == .bool(false) {
      throw LayoutRule.mlxEntry.broken(
        .mismatch, path: section.path, subject: module, "is quantized, but config.json says that it is not")
    }
    guard named.fits(words: words, groups: groups) else {
      throw LayoutRule.mlxEntry.broken(
        .mismatch, path: section.path, subject: module + ".weight",
        "has rows of \(words) words and \(groups) scales, which are no codes of \(named.bits) bits in groups of "
          + "\(named.group) (\(named.mode)), as config.json says")
    }
    return named
  }

  private static func scheme(
    _ members: [String: JSONValue], module: String?, _ section: QuantizationSection
  ) throws(FileError) -> Scheme {
    let place = "quantization" + (module.map { ".\($0)" } ?? "")
    func value(_ key: String) -> JSONValue? { members[key].flatMap(\.unlessNull) }
    let named = value("mode") ?? "affine"
    guard let mode = named.string, let usual = Scheme.modes[mode] else {
      throw FileError(
        .unsupported, path: section.path, subject: place + ".mode",
        "is \(named.shown); the modes are \(Scheme.modes.keys.sorted().joined(separator: ", "))")
    }
    func integer(_ key: String) throws(FileError) -> Int? {
      guard let value = value(key) else { return nil }
      if let number = value.int { return number }
      throw FileError(
        .unsupported, path: section.path, subject: "\(place).\(key)", "is \(value.shown), which is no whole number")
    }
    // What an entry leaves out has the default of its mode, whatever the section says.
    let scheme = Scheme(
      mode: mode, bits: try integer("bits") ?? usual.bits, group: try integer("group_size") ?? usual.group)
    let isKnown =
      scheme.isAffine
      ? [1, 2, 3, 4, 5, 6, 8].contains(scheme.bits) && [32, 64, 128].contains(scheme.group)
      : (scheme.bits, scheme.group) == usual
    guard isKnown else {
      throw FileError(
        .unsupported, path: section.path, subject: place,
        "says \(scheme.bits) bits in groups of \(scheme.group), which the mode \(mode) does not have")
    }
    return scheme
  }

  /// Every module that has an entry of its own is quantized.
  private static func checkEntries(
    _ section: QuantizationSection, found: Set<String>, _ source: any TensorSource
  ) throws(FileError) {
    for (module, entry) in section.members where entry.object != nil || entry == .bool(true) {
      guard let weight = source.descriptor(of: module + ".weight"), !found.contains(weight.name),
        entry.object != nil
      else { continue }
      throw LayoutRule.mlxEntry.broken(
        .mismatch, path: source.name, subject: weight.name,
        "is stored as \(weight.encoding.name), but config.json says how it is quantized")
    }
  }

  func reader(of type: TargetType?) -> String { "MLX" }
}
