internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

// Zeros that are all 8 (or 128) are stored one less, as every program reads them; others as they are (`gptq_v2`), since a 0
// has no form that is one less. Source: GPTQModel `qlinear`, `quantization/config.py`.
extension GPTQLayout: GroupWritingLayout {
  var key: String { "gptq" }
  var writtenMethods: [String] { [key] }

  private static let bits = [4, 8]
  /// Those that GPTQModel knows.
  private static let groups = [16, 32, 64, 128, 256, 512, 1024]

  var types: [GroupType] {
    Self.bits.map { GroupType(layout: key, name: "int\($0)", extent: GroupExtent(columns: 128)) }
  }

  func has(_ type: GroupType) -> Bool {
    ["int4", "int8"].contains(type.name) && type.extent.rows == 1
      && (type.extent == .row || Self.groups.contains(type.extent.columns))
  }

  func groups(of type: GroupType) -> String { "groups of 16, 32, 64, 128, 256, 512 or 1024, or rows" }

  func types(holding form: GroupForm) -> [GroupType] {
    guard form.levels.wholeNumbers != nil else { return [] }
    return Self.bits.filter { $0 >= form.levels.bits || form.offset == .bias }.flatMap { bits in
      form.symmetries.map { GroupType(layout: key, name: "int\(bits)", extent: form.extent, isSymmetric: $0) }
    }.filter(has)
  }

  func types(ofBits bits: Int, form: GroupForm?) -> [TargetType] {
    // Groups as they were, as far as that can be.
    let sizes = form.map { [$0.columns].filter([32, 64, 128].contains) } ?? []
    return (sizes + [128, 64, 32]).map {
      TargetType(
        groups: GroupType(
          layout: key, name: bits <= 4 ? "int4" : "int8", extent: GroupExtent(columns: $0),
          isSymmetric: form?.isSymmetric ?? true))
    }
  }

  func unfitness(of type: GroupType, name: String, shape: [Int]) -> String? {
    if let reason = commonUnfitness(type, name: name, shape: shape) { return reason }
    guard shape[0] % 32 == 0, shape[1] % 32 == 0 else {
      return "\(shape[0]) rows of \(shape[1]) do not fill words of 32 bits both ways"
    }
    return nil
  }

  func rounding(_ type: GroupType, _ element: ElementRounding) -> any GroupRounding {
    NearestRounding(bits: type.bits, group: type.extent.columns, isSymmetric: type.isSymmetric, element: element)
  }

  func target(_ type: GroupType, element: Encoding) -> GroupTarget {
    GroupTarget(
      levels: .integers(bits: type.bits), offset: .zero, extent: type.extent, scales: .float(.f16),
      zero: type.isSymmetric ? Float(1 << (type.bits - 1)) : nil)
  }

  func parts(_ type: GroupType, _ target: GroupTarget, shape: [Int]) -> [GroupPart] {
    let (rows, columns, bits) = (shape[0], shape[1], type.bits)
    let width = type.extent.columns == 0 ? columns : type.extent.columns
    let groups = columns / width
    return [
      GroupPart(
        ending: ".qweight", encoding: .i32, shape: [columns * bits / 32, rows],
        content: .groups(ColumnCodePlane(bits: bits, rows: rows, columns: columns))),
      GroupPart(
        ending: ".qzeros", encoding: .i32, shape: [groups, rows * bits / 32],
        content: .groups(
          PackedNumberPlane(
            packing: .alongRows, bits: bits, rows: rows, groups: groups, addend: type.isSymmetric ? -1 : 0))),
      GroupPart(
        ending: ".scales", encoding: .f16, shape: [groups, rows],
        content: .groups(NumberPlane(format: .float(.f16), rows: rows, isTransposed: true))),
      GroupPart(ending: ".g_idx", encoding: .i32, shape: [columns], content: .constant(Self.order(columns, width))),
    ]
  }

  /// The group of each column.
  private static func order(_ columns: Int, _ width: Int) -> [UInt8] {
    var writer = ByteWriter()
    for column in 0..<columns { writer.write(UInt32(column / width)) }
    return writer.bytes
  }

  func common(_ type: GroupType) -> String { type.isSymmetric ? "groups without zero points" : "zero points" }

  func notes(on tensors: [PlannedTensor]) -> [Note] {
    let main = tensors.mainType(of: self)
    let others = tensors.grouped(by: self).filter { $0.type != main }
    guard !others.isEmpty else { return [] }
    return [
      Note(
        "other groups or bits than the rest, which GPTQModel and vLLM read and transformers does not",
        of: others.map(\.tensor.name), remedy: .chooseType)
    ]
  }

  func section(_ tensors: [PlannedTensor], own: [String: JSONValue]?) -> [String: JSONValue] {
    guard let main = tensors.mainType(of: self) else { return own ?? [:] }
    let form: JSONValue = main.isSymmetric ? "gptq" : "gptq_v2"
    func size(_ type: GroupType) -> JSONValue { .integer(type.extent.columns == 0 ? -1 : type.extent.columns) }
    var section: [String: JSONValue] = [
      "quant_method": "gptq", "bits": .integer(main.bits), "group_size": size(main), "sym": .bool(main.isSymmetric),
      "desc_act": false, "checkpoint_format": form, "format": form, "pack_dtype": "int32",
      "lm_head": .bool(tensors.grouped(by: self).contains { $0.tensor.name == "lm_head.weight" }),
      "true_sequential": true,
    ]
    var dynamic: [String: JSONValue] = [:]
    for (tensor, type) in tensors.grouped(by: self) where type != main {
      dynamic["+:^\(Self.escaped(tensor.name))$"] = [
        "bits": .integer(type.bits), "group_size": size(type), "sym": .bool(type.isSymmetric),
      ]
    }
    if !dynamic.isEmpty { section["dynamic"] = .object(dynamic) }
    return leavingOut(FullPrecisionModules.names(in: tensors), tensors, section)
  }

  /// Programs differ in what tells them of layers that stay as they are.
  func leavingOut(
    _ modules: [String], _ tensors: [PlannedTensor], _ section: [String: JSONValue]
  ) -> [String: JSONValue] {
    let left = modules.filter { $0 != "lm_head" }
    guard !left.isEmpty else { return section }
    var dynamic = section["dynamic"]?.object ?? [:]
    for module in left { dynamic["-:^\(Self.escaped(module + ".weight"))$"] = [:] }
    let names = tensors.filter { $0.spelling?.layout is GPTQLayout }.compactMap { Self.nameInBlock($0.name) }
    return section.merging([
      "dynamic": .object(dynamic),
      "modules_in_block_to_quantize": .array(Set(names).sorted().map { .array([.string($0)]) }),
    ]) { $1 }
  }

  func smallFiles(_ section: [String: JSONValue]) -> [(name: String, content: JSONValue)] {
    [("quantize_config.json", .object(section))]
  }

  /// A module's path as an expression that means it.
  private static func escaped(_ name: String) -> String {
    FullPrecisionModules.module(of: name).replacing(".", with: "\\.")
  }

  /// A module's path inside its layer; nil outside of layers.
  private static func nameInBlock(_ name: String) -> String? {
    let parts = FullPrecisionModules.module(of: name).split(separator: ".")
    guard let layer = parts.firstIndex(where: { Int($0) != nil }), layer + 1 < parts.count else { return nil }
    return parts[(layer + 1)...].joined(separator: ".")
  }
}
