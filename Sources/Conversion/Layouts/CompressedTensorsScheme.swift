internal import Bytes
internal import JSON

/// How a config group of compressed-tensors quantizes the weights of its modules. Source: compressed-tensors
/// `quantization/quant_args.py`, `quant_scheme.py`.
struct CompressedTensorsScheme {
  /// How weights are packed: `pack-quantized`, `int-quantized` ...
  let format: String
  let bits: Int
  let isFloat: Bool
  let isSymmetric: Bool
  /// Columns and rows that share a scale; 0 is all.
  let block: (rows: Int, columns: Int)
  /// Which modules it is for.
  let targets: ModuleTargets

  /// The formats that are read.
  static let formats = [
    "pack-quantized", "int-quantized", "float-quantized", "naive-quantized", "nvfp4-pack-quantized",
    "mxfp4-pack-quantized", "mxfp8-quantized",
  ]

  /// Each is held against every module.
  private static let most = 64

  // MARK: - Reading the section

  /// The groups of a section whose weights are quantized.
  static func groups(of section: QuantizationSection) throws(FileError) -> [CompressedTensorsScheme] {
    let whole = section["format"]?.string
    var groups: [CompressedTensorsScheme] = []
    let named = try section.object("config_groups")
    guard named.count <= most else { throw section.refusal(of: "config_groups", "up to \(most) groups") }
    for (name, group) in named.sorted(by: { $0.key < $1.key }) {
      let key = "config_groups.\(name)"
      if group.array != nil {
        guard let weights = presets[name.uppercased()] else {
          throw FileError(
            .unsupported, path: section.path, subject: "quantization_config.config_groups.\(name)",
            "is no preset that is known; these are: \(presets.keys.sorted().joined(separator: ", "))")
        }
        groups.append(
          try scheme(weights, format: whole, targets: try ModuleTargets(group, key: key, section), name, section))
        continue
      }
      guard let weights = group["weights"], !weights.isNull else { continue }
      groups.append(
        try scheme(
          weights, format: group["format"]?.string ?? whole,
          targets: try ModuleTargets(group["targets"], key: key + ".targets", section), name, section))
    }
    guard groups.reduce(0, { $0 + $1.targets.expressionCount }) <= ModuleTargets.mostExpressions else {
      throw section.refusal(of: "config_groups", "up to \(ModuleTargets.mostExpressions) expressions")
    }
    return groups
  }

  /// What the names of older files stand for.
  private static let presets: [String: JSONValue] = {
    func int(_ bits: Int, group: Int?, symmetric: Bool = true) -> JSONValue {
      [
        "num_bits": .integer(bits), "type": "int", "symmetric": .bool(symmetric),
        "strategy": group == nil ? "channel" : "group", "group_size": group.map(JSONValue.integer) ?? .null,
      ]
    }
    func float(_ bits: Int, _ strategy: String, group: Int? = nil) -> JSONValue {
      [
        "num_bits": .integer(bits), "type": "float", "symmetric": true, "strategy": .string(strategy),
        "group_size": group.map(JSONValue.integer) ?? .null,
        "block_structure": strategy == "block" ? [128, 128] : .null,
      ]
    }
    return [
      "W8A16": int(8, group: nil), "W4A16": int(4, group: 128), "W4A16_ASYM": int(4, group: 128, symmetric: false),
      "W8A8": int(8, group: nil), "INT8": int(8, group: nil), "W4A8": int(4, group: 128), "W4AFP8": int(4, group: 128),
      "FP8": float(8, "tensor"), "FP8_DYNAMIC": float(8, "channel"), "FP8_BLOCK": float(8, "block"),
      "NVFP4": float(4, "tensor_group", group: 16), "NVFP4A16": float(4, "tensor_group", group: 16),
      "MXFP4": float(4, "group", group: 32), "MXFP4A16": float(4, "group", group: 32),
      "MXFP8": float(8, "group", group: 32), "MXFP8A16": float(8, "group", group: 32),
    ]
  }()

  private static func scheme(
    _ weights: JSONValue, format: String?, targets: ModuleTargets, _ name: String, _ section: QuantizationSection
  ) throws(FileError) -> CompressedTensorsScheme {
    let place = "quantization_config.config_groups.\(name).weights"
    func refusal(_ key: String, _ expected: String) -> FileError {
      FileError(
        .unsupported, path: section.path, subject: "\(place).\(key)",
        "is \(weights[key]?.shown ?? "missing"), but only \(expected) can be read")
    }
    func value(_ key: String) -> JSONValue? { weights[key].flatMap(\.unlessNull) }
    // Read as if it were missing, a value of another kind would mean the default.
    for (key, kind, isThat) in [
      ("num_bits", "a whole number", value("num_bits")?.int != nil), ("type", "a string", value("type")?.string != nil),
      ("group_size", "a whole number", value("group_size")?.int != nil),
      ("strategy", "a string", value("strategy")?.string != nil),
      ("symmetric", "true or false", value("symmetric")?.bool != nil),
    ] where value(key) != nil && !isThat { throw refusal(key, kind) }
    guard weights.object != nil else {
      throw LayoutRule.compressedGroup.broken(
        .malformed, path: section.path, subject: place, "is no object, so that it says nothing of the weights")
    }
    let bits = value("num_bits").map { $0.int ?? 0 } ?? 8
    let type = value("type")?.string ?? "int"
    guard type == "int" || type == "float" else { throw refusal("type", "int or float") }
    guard (1...8).contains(bits), type == "int" || bits == 4 || bits == 8 else { throw refusal("num_bits", "1 to 8") }
    // "weight", "static" order what is looked at first, and leave columns where they are.
    let orders: [JSONValue] = ["weight", "static", "group", "dynamic", .bool(true), .bool(false)]
    if let order = value("actorder"), !orders.contains(order) { throw refusal("actorder", "weight or group") }
    if value("dynamic") == .bool(true) { throw refusal("dynamic", "false for weights") }
    let size = value("group_size")?.int
    let usual = size.map { $0 > 0 ? "group" : "channel" } ?? "tensor"
    let block: (rows: Int, columns: Int)
    switch value("strategy")?.string ?? usual {
    case "tensor": block = (0, 0)
    case "channel": block = (1, 0)
    case "group", "tensor_group":
      guard let size, size > 0 else { throw refusal("group_size", "more than 0") }
      block = (1, size)
    case "block":
      let sizes =
        value("block_structure")?.array?.compactMap(\.int)
        ?? (value("block_structure")?.string ?? "").split(separator: "x").compactMap { Int($0) }
      guard sizes.count == 2, sizes[0] > 0, sizes[1] > 0 else { throw refusal("block_structure", "two sizes") }
      block = (sizes[0], sizes[1])
    default: throw refusal("strategy", "tensor, channel, group, tensor_group or block")
    }
    let named = format ?? (type == "int" ? (bits < 8 ? "pack-quantized" : "int-quantized") : "float-quantized")
    guard formats.contains(named) else {
      throw FileError(
        .unsupported, path: section.path, subject: "quantization_config.format",
        "\(FileError.quoted(named)) is a format of compressed-tensors that is not read; these are: "
          + formats.joined(separator: ", "))
    }
    // What a format fixes, config.json may leave out but not contradict.
    let fixed: (isFloat: Bool, bits: Int, block: (rows: Int, columns: Int)?)? =
      switch named {
      case "nvfp4-pack-quantized": (true, 4, (1, 16))
      case "mxfp4-pack-quantized": (true, 4, (1, 32))
      case "mxfp8-quantized": (true, 8, (1, 32))
      case "pack-quantized": (false, bits, nil)
      default: nil
      }
    if let fixed {
      guard (type == "float") == fixed.isFloat else { throw refusal("type", fixed.isFloat ? "float" : "int") }
      guard bits == fixed.bits else { throw refusal("num_bits", "\(fixed.bits)") }
      guard fixed.block.map({ $0 == block }) ?? (block.rows <= 1) else {
        throw refusal("strategy", fixed.block.map { "groups of \($0.columns)" } ?? "tensor, channel or group")
      }
    }
    return CompressedTensorsScheme(
      format: named, bits: bits, isFloat: type == "float", isSymmetric: value("symmetric")?.bool ?? true, block: block,
      targets: targets)
  }
}
