internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

// Blocks and whole tensors have `weight_scale_inv`, as transformers' `fp8` reads it, rows `weight_scale`, as FBGEMM's does.
// Source: transformers `integrations/finegrained_fp8.py`, `integrations/fbgemm_fp8.py`.
extension FP8Layout: GroupWritingLayout {
  var key: String { "fp8" }
  var listKey: String? { "modules_to_not_convert" }

  private static let block = GroupExtent(rows: 128, columns: 128)

  private func type(_ extent: GroupExtent) -> GroupType { GroupType(layout: key, name: "fp8", extent: extent) }

  var types: [GroupType] { [Self.block, .row, .tensor].map(type) }

  func has(_ type: GroupType) -> Bool {
    type.name == "fp8" && (type.extent.rows > 1 || types.contains { $0.extent == type.extent })
  }

  func groups(of type: GroupType) -> String { "blocks such as 128x128, rows, or the tensor" }

  func types(holding form: GroupForm) -> [GroupType] {
    guard form.levels == .e4m3, form.offset == .none else { return [] }
    return [.tensor, .row, Self.block].map(type)
  }

  func types(ofBits bits: Int, form: GroupForm?) -> [TargetType] { [TargetType(groups: type(Self.block))] }

  func unfitness(of type: GroupType, name: String, shape: [Int]) -> String? {
    if let reason = commonUnfitness(type, name: name, shape: shape) { return reason }
    // transformers takes blocks to be as many as there are scales, of one size.
    for (size, block) in zip(shape, [type.extent.rows, type.extent.columns])
    where type.extent.rows > 1 && size > block && size % block != 0 {
      return
        "\(shape[0]) rows of \(shape[1]) do not divide into blocks of \(type.extent.text), as transformers wants them "
        + "(a scale for each row fits)"
    }
    return nil
  }

  func rounding(_ type: GroupType, _ element: ElementRounding) -> any GroupRounding {
    // transformers rounds blocks and tensors; rows are made by compressed-tensors, in F32.
    type.extent == .row
      ? Float8Rounding(extent: type.extent, rule: .compressedTensors, element: .f32)
      : Float8Rounding(extent: type.extent, rule: .transformers, element: element)
  }

  func target(_ type: GroupType, element: Encoding) -> GroupTarget {
    GroupTarget(levels: .e4m3, offset: .none, extent: type.extent, scales: .float(.f32))
  }

  func parts(_ type: GroupType, _ target: GroupTarget, shape: [Int]) -> [GroupPart] {
    let (rows, columns) = (shape[0], shape[1])
    let numbers: [Int] =
      switch type.extent {
      case .tensor: []
      case .row: [rows, 1]
      default: [rows.dividedRoundingUp(by: type.extent.rows), columns.dividedRoundingUp(by: type.extent.columns)]
      }
    return [
      GroupPart(
        ending: ".weight", encoding: .f8E4M3, shape: shape,
        content: .groups(RowCodePlane(bits: 8, columns: columns, rowBytes: columns))),
      GroupPart(
        ending: type.extent == .row ? ".weight_scale" : ".weight_scale_inv", encoding: .f32, shape: numbers,
        content: .groups(NumberPlane(format: .float(.f32), rows: rows, rowsPerNumber: type.extent.rows))),
    ]
  }

  func common(_ type: GroupType) -> String { "scales of \(type.extent.text)" }

  func section(_ tensors: [PlannedTensor], own: [String: JSONValue]?) -> [String: JSONValue] {
    guard let main = tensors.mainType(of: self) else { return own ?? [:] }
    let left: JSONValue = .array(FullPrecisionModules.names(in: tensors).map(JSONValue.string))
    if main.extent == .row {
      return ["quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0, "modules_to_not_convert": left]
    }
    return [
      "quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
      "weight_block_size": main.extent == .tensor
        ? .null : [.integer(main.extent.rows), .integer(main.extent.columns)],
      "modules_to_not_convert": left,
    ]
  }
}
