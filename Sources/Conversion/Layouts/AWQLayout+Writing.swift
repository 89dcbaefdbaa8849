internal import JSON
internal import Quantization
internal import Tensors

// GEMM, four bits. Source: AutoAWQ `gemm.py` (`WQLinear_GEMM.from_linear`), `quantizer.py` (`pseudo_quantize_tensor`).
extension AWQLayout: GroupWritingLayout {
  var key: String { "awq" }
  var listKey: String? { "modules_to_not_convert" }
  var writtenMethods: [String] { [key] }

  var types: [GroupType] { [type(128, isSymmetric: false)] }

  private func type(_ group: Int, isSymmetric: Bool) -> GroupType {
    GroupType(layout: key, name: "int4", extent: GroupExtent(columns: group), isSymmetric: isSymmetric)
  }

  func has(_ type: GroupType) -> Bool {
    type.name == "int4" && type.extent.rows == 1 && type.extent.columns % 16 == 0
  }

  func groups(of type: GroupType) -> String { "groups of a multiple of 16 (usually 32, 64 or 128), or rows" }

  func types(holding form: GroupForm) -> [GroupType] {
    guard form.levels.wholeNumbers != nil, form.levels.bits <= 4 else { return [] }
    // Whatever the zeros are: that they are all 8 changes nothing here.
    return [type(form.isRow ? 0 : form.columns, isSymmetric: false)]
  }

  func types(ofBits bits: Int, form: GroupForm?) -> [TargetType] {
    [128, 64, 32].map { TargetType(groups: type($0, isSymmetric: false)) }
  }

  func unfitness(of type: GroupType, name: String, shape: [Int]) -> String? {
    if let reason = commonUnfitness(type, name: name, shape: shape) { return reason }
    return shape[0] % 8 == 0 ? nil : "\(shape[0]) rows do not fill words of eight codes"
  }

  func rounding(_ type: GroupType, _ element: ElementRounding) -> any GroupRounding {
    guard type.isSymmetric else { return AWQRounding(group: type.extent.columns) }
    // AutoAWQ has no other; GPTQModel writes the layout with a zero in the middle too.
    return NearestRounding(
      bits: 4, group: type.extent.columns, isSymmetric: true, isPackedAsAWQ: true, element: element)
  }

  func target(_ type: GroupType, element: Encoding) -> GroupTarget {
    GroupTarget(
      levels: .integers(bits: 4), offset: .zero, extent: type.extent, scales: .float(.f16),
      zero: type.isSymmetric ? 8 : nil)
  }

  func parts(_ type: GroupType, _ target: GroupTarget, shape: [Int]) -> [GroupPart] {
    let (rows, columns) = (shape[0], shape[1])
    let groups = type.extent.columns == 0 ? 1 : columns / type.extent.columns
    return [
      GroupPart(
        ending: ".qweight", encoding: .i32, shape: [columns, rows / 8],
        content: .groups(InterleavedCodePlane(rows: rows, columns: columns))),
      GroupPart(
        ending: ".qzeros", encoding: .i32, shape: [groups, rows / 8],
        content: .groups(PackedNumberPlane(packing: .interleaved, bits: 4, rows: rows, groups: groups))),
      GroupPart(
        ending: ".scales", encoding: .f16, shape: [groups, rows],
        content: .groups(NumberPlane(format: .float(.f16), rows: rows, isTransposed: true))),
    ]
  }

  func common(_ type: GroupType) -> String { "groups of \(type.extent.text)" }

  func section(_ tensors: [PlannedTensor], own: [String: JSONValue]?) -> [String: JSONValue] {
    guard let main = tensors.mainType(of: self) else { return own ?? [:] }
    return [
      "quant_method": "awq", "bits": 4, "group_size": .integer(main.extent.columns == 0 ? -1 : main.extent.columns),
      "zero_point": true, "version": "gemm",
      "modules_to_not_convert": FullPrecisionModules.list(of: FullPrecisionModules.names(in: tensors)),
    ]
  }
}
