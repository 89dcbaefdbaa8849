internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

// Weights alone, but for FP8, whose activations are rounded as they come. Source: compressed-tensors
// `compressors/quantized_compressors`, llm-compressor's `QuantizationModifier`.
extension CompressedTensorsLayout: GroupWritingLayout {
  var key: String { "compressed-tensors" }
  var listKey: String? { "ignore" }

  private static let floats: [(name: String, group: Int)] = [("nvfp4", 16), ("mxfp4", 32), ("mxfp8", 32)]
  private static let block = GroupExtent(rows: 128, columns: 128)

  private func type(_ name: String, _ extent: GroupExtent, isSymmetric: Bool = true) -> GroupType {
    GroupType(layout: key, name: name, extent: extent, isSymmetric: isSymmetric)
  }

  var types: [GroupType] {
    [type("int4", GroupExtent(columns: 128)), type("int8", .row), type("fp8", .row)]
      + Self.floats.map { type($0.name, GroupExtent(columns: $0.group)) }
  }

  func has(_ type: GroupType) -> Bool {
    switch type.name {
    case "int4", "int8": type.extent.rows == 1
    case "fp8": type.isSymmetric && (type.extent.rows > 1 || type.extent == .row || type.extent == .tensor)
    default: types.contains(type)
    }
  }

  func groups(of type: GroupType) -> String {
    switch type.name {
    case "int4", "int8": "groups of any size, or rows, with zero points or without"
    case "fp8": "rows, the tensor, or blocks such as 128x128"
    default: "groups of \(type.extent.columns)"
    }
  }

  func types(holding form: GroupForm) -> [GroupType] {
    switch form.levels {
    case .integers, .signedBytes:
      return [4, 8].filter { $0 >= form.levels.bits || form.offset == .bias }.flatMap { bits in
        form.symmetries.map { type("int\(bits)", form.extent, isSymmetric: $0) }
      }
    case .e2m1: return ["mxfp4", "nvfp4"].flatMap { name in types.filter { $0.name == name } }
    case .e5m2: return []
    case .e4m3: return types.filter { $0.name == "mxfp8" } + [.tensor, .row, Self.block].map { type("fp8", $0) }
    }
  }

  func types(ofBits bits: Int, form: GroupForm?) -> [TargetType] {
    if form?.levels == .e4m3 { return [TargetType(groups: type("fp8", .row))] }
    if form?.levels == .e2m1 { return types.filter { $0.name == "nvfp4" }.map { TargetType(groups: $0) } }
    let sizes = form.map { [$0.columns].filter([32, 64, 128].contains) } ?? []
    return (sizes + [128, 64, 32, 0]).map {
      TargetType(
        groups: type(
          bits <= 4 ? "int4" : "int8", $0 == 0 ? .row : GroupExtent(columns: $0),
          isSymmetric: form?.isSymmetric ?? true))
    }
  }

  func unfitness(of type: GroupType, name: String, shape: [Int]) -> String? {
    commonUnfitness(type, name: name, shape: shape)
  }

  private static func isWhole(_ type: GroupType) -> Bool { type.name.hasPrefix("int") }

  func rounding(_ type: GroupType, _ element: ElementRounding) -> any GroupRounding {
    switch type.name {
    case "fp8": Float8Rounding(extent: type.extent, rule: .compressedTensors, element: element)
    case "nvfp4": NVFP4Rounding(rule: .compressedTensors, element: element)
    case "mxfp4": PowerRounding(levels: .e2m1, rule: .compressedTensors, element: element)
    case "mxfp8": PowerRounding(levels: .e4m3, rule: .compressedTensors, element: element)
    default:
      MinMaxRounding(bits: type.bits, extent: type.extent, isSymmetric: type.isSymmetric, element: element)
    }
  }

  var holdsOrder: Bool { true }

  var scaleElements: [Encoding] { [.bf16, .f16, .f32] }

  func target(_ type: GroupType, element: Encoding) -> GroupTarget {
    switch type.name {
    case "fp8": GroupTarget(levels: .e4m3, offset: .none, extent: type.extent, scales: .float(element))
    case "nvfp4": GroupTarget(levels: .e2m1, offset: .none, extent: type.extent, scales: .e4m3)
    case "mxfp4": GroupTarget(levels: .e2m1, offset: .none, extent: type.extent, scales: .exponent)
    case "mxfp8": GroupTarget(levels: .e4m3, offset: .none, extent: type.extent, scales: .exponent)
    default:
      GroupTarget(
        levels: .integers(bits: type.bits), offset: .zero, extent: type.extent, scales: .float(element),
        zero: type.isSymmetric ? Float(1 << (type.bits - 1)) : nil)
    }
  }

  func factor(_ rounding: any GroupRounding, magnitude: Float) -> StoredNumbers.Factor {
    let number = (rounding as? NVFP4Rounding)?.globalScale(magnitude: magnitude) ?? 1
    // Of nothing but zeros any number will do, but for 0 and what 1/0 is.
    return .dividedBy(number.isNormal ? number : 1)
  }

  func factor(keeping factor: StoredNumbers.Factor, _ type: GroupType) -> KeptFactor? {
    type.name == "nvfp4" ? factor.dividing : factor.absent
  }

  func sharing(_ name: String, _ type: GroupType) -> String? {
    type.name == "nvfp4" ? FusedModules.owner(of: name) : nil
  }

  func parts(_ type: GroupType, _ target: GroupTarget, shape: [Int]) -> [GroupPart] {
    let (rows, columns, bits) = (shape[0], shape[1], type.bits)
    func part(_ ending: String, _ encoding: Encoding, _ shape: [Int], _ plane: any GroupPlane) -> GroupPart {
      GroupPart(ending: ending, encoding: encoding, shape: shape, content: .groups(plane))
    }
    let width = type.extent.columns == 0 ? columns : type.extent.columns
    let groups = columns.dividedRoundingUp(by: width)
    let numbers: [Int] =
      type.extent == .tensor
      ? [1] : [type.extent.rows > 1 ? rows.dividedRoundingUp(by: type.extent.rows) : rows, groups]
    let scales = part(
      ".weight_scale", target.scales.encoding, numbers,
      NumberPlane(format: target.scales, rows: rows, rowsPerNumber: type.extent.rows, factor: target.factor))
    switch type.name {
    case "fp8", "mxfp8":
      return [
        part(".weight", .f8E4M3, shape, RowCodePlane(bits: 8, columns: columns, rowBytes: columns)), scales,
      ]
    case "nvfp4", "mxfp4":
      let codes = part(
        ".weight_packed", .u8, [rows, columns / 2], RowCodePlane(bits: 4, columns: columns, rowBytes: columns / 2))
      let global = GroupPart(ending: ".weight_global_scale", encoding: .f32, shape: [1], content: .factor)
      return [codes, scales] + (type.name == "nvfp4" ? [global] : [])
    default:
      let words = (columns * bits).dividedRoundingUp(by: 32)
      let sort = target.order.flatMap { ColumnSort(groupOfColumn: $0, size: width) }
      let codes = part(
        ".weight_packed", .i32, [rows, words],
        RowCodePlane(bits: bits, columns: columns, rowBytes: 4 * words, sort: sort))
      let size = GroupPart(
        ending: ".weight_shape", encoding: .i64, shape: [2], content: .constant(Self.numbers(rows, columns)))
      let zeros = part(
        ".weight_zero_point", .i32, [(rows * bits).dividedRoundingUp(by: 32), groups],
        PackedNumberPlane(packing: .downColumns, bits: bits, rows: rows, groups: groups))
      let order = target.order.map { order in
        GroupPart(
          ending: Self.orderEnding, encoding: .i32, shape: [columns],
          content: .constant(order.flatMap { UInt32(bitPattern: $0).littleEndianBytes }))
      }
      return [codes, scales, size] + (type.isSymmetric ? [] : [zeros]) + [order].compactMap(\.self)
    }
  }

  /// What the list of groups is called after its module.
  static let orderEnding = ".weight_g_idx"

  private static func numbers(_ numbers: Int...) -> [UInt8] {
    var writer = ByteWriter()
    for number in numbers { writer.write(UInt64(number)) }
    return writer.bytes
  }

  // MARK: - config.json

  func section(_ tensors: [PlannedTensor], own: [String: JSONValue]?) -> [String: JSONValue] {
    guard let main = tensors.mainType(of: self) else { return own ?? [:] }
    let grouped = tensors.grouped(by: self).map { tensor, type in
      (name: FullPrecisionModules.module(of: tensor.name), kind: Kind(type: type, isOrdered: Self.isOrdered(tensor)))
    }
    let kinds = Set(grouped.map(\.kind)).sorted {
      ($0.type == main ? "" : $0.type.text, $0.isOrdered ? 1 : 0) < (
        $1.type == main ? "" : $1.type.text, $1.isOrdered ? 1 : 0
      )
    }
    var groups: [String: JSONValue] = [:]
    for (number, kind) in kinds.enumerated() {
      // Of several groups each names its modules.
      let names = grouped.filter { $0.kind == kind }.map(\.name)
      let type = kind.type
      groups["group_\(number)"] = .object([
        "targets": kinds.count == 1 ? ["Linear"] : .array(names.sorted().map(JSONValue.string)),
        "weights": Self.arguments(kind), "input_activations": type.name == "fp8" ? Self.activations(type) : .null,
        "output_activations": .null, "format": .string(Self.format(type)),
      ])
    }
    return [
      "quant_method": .string(name), "quantization_status": "compressed", "config_groups": .object(groups),
      "format": Set(kinds.map { Self.format($0.type) }).count == 1 ? .string(Self.format(main)) : "mixed-precision",
      "ignore": .array(FullPrecisionModules.names(in: tensors).map(JSONValue.string)),
      "kv_cache_scheme": .null, "global_compression_ratio": .null,
    ]
  }

  private static func format(_ type: GroupType) -> String {
    switch type.name {
    case "fp8": "float-quantized"
    case "nvfp4", "mxfp4": "\(type.name)-pack-quantized"
    case "mxfp8": "mxfp8-quantized"
    default: "pack-quantized"
    }
  }

  /// What the modules of a config group have in common.
  private struct Kind: Hashable {
    let type: GroupType
    /// Whether groups are not runs of columns.
    let isOrdered: Bool
  }

  private static func isOrdered(_ tensor: PlannedTensor) -> Bool {
    tensor.planes.contains { $0.descriptor.name.hasSuffix(orderEnding) }
  }

  private static func arguments(_ kind: Kind) -> JSONValue {
    let type = kind.type
    var members: [String: JSONValue] = [
      "num_bits": .integer(type.bits), "type": isWhole(type) ? "int" : "float", "symmetric": .bool(type.isSymmetric),
      "strategy": .string(strategy(type)), "dynamic": false,
    ]
    if type.extent.rows == 1, type.extent.columns > 0 { members["group_size"] = .integer(type.extent.columns) }
    if type.extent.rows > 1 {
      members["block_structure"] = [.integer(type.extent.rows), .integer(type.extent.columns)]
    }
    if kind.isOrdered { members["actorder"] = "group" }
    if type.name == "nvfp4" { members["scale_dtype"] = "torch.float8_e4m3fn" }
    if type.name.hasPrefix("mxfp") { members["scale_dtype"] = "torch.uint8" }
    return .object(members)
  }

  private static func strategy(_ type: GroupType) -> String {
    switch type.extent {
    case .tensor: "tensor"
    case .row: "channel"
    default: type.extent.rows > 1 ? "block" : type.name == "nvfp4" ? "tensor_group" : "group"
    }
  }

  /// What FP8 is multiplied with is rounded when it comes, one scale a token, or a group of it.
  private static func activations(_ type: GroupType) -> JSONValue {
    var members: [String: JSONValue] = [
      "num_bits": 8, "type": "float", "symmetric": true, "dynamic": true, "strategy": "token",
    ]
    if type.extent.rows > 1 {
      members["strategy"] = "group"
      members["group_size"] = .integer(type.extent.columns)
    }
    return .object(members)
  }
}
