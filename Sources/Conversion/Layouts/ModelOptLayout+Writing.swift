internal import JSON
internal import Quantization
internal import Tensors

// NVFP4 of weights alone. Source: nvidia-modelopt `NVFP4QTensor`, `export/unified_export_hf.py`.
extension ModelOptLayout: GroupWritingLayout {
  var key: String { "modelopt" }
  var listKey: String? { "ignore" }

  var types: [GroupType] { [GroupType(layout: key, name: "nvfp4", extent: GroupExtent(columns: 16))] }

  func has(_ type: GroupType) -> Bool { types.contains(type) }

  func groups(of type: GroupType) -> String { "groups of 16" }

  func types(holding form: GroupForm) -> [GroupType] {
    form.levels == .e2m1 && form.offset == .none && form.columns % 16 == 0 ? types : []
  }

  func types(ofBits bits: Int, form: GroupForm?) -> [TargetType] { types.map { TargetType(groups: $0) } }

  func unfitness(of type: GroupType, name: String, shape: [Int]) -> String? {
    commonUnfitness(type, name: name, shape: shape)
  }

  func rounding(_ type: GroupType, _ element: ElementRounding) -> any GroupRounding {
    NVFP4Rounding(rule: .modelopt, element: element)
  }

  func target(_ type: GroupType, element: Encoding) -> GroupTarget {
    GroupTarget(levels: .e2m1, offset: .none, extent: type.extent, scales: .e4m3)
  }

  func factor(_ rounding: any GroupRounding, magnitude: Float) -> StoredNumbers.Factor {
    let number = (rounding as? NVFP4Rounding)?.globalScale(magnitude: magnitude) ?? 1
    // Of nothing but zeros any number will do, but for 0.
    return .times(number > 0 && number.isFinite ? number : 1)
  }

  func factor(keeping factor: StoredNumbers.Factor, _ type: GroupType) -> KeptFactor? {
    factor.multiplying
  }

  func sharing(_ name: String, _ type: GroupType) -> String? { FusedModules.owner(of: name) }

  func parts(_ type: GroupType, _ target: GroupTarget, shape: [Int]) -> [GroupPart] {
    let (rows, columns) = (shape[0], shape[1])
    return [
      GroupPart(
        ending: ".weight", encoding: .u8, shape: [rows, columns / 2],
        content: .groups(RowCodePlane(bits: 4, columns: columns, rowBytes: columns / 2))),
      GroupPart(
        ending: ".weight_scale", encoding: .f8E4M3, shape: [rows, columns / 16],
        content: .groups(NumberPlane(format: .e4m3, rows: rows, factor: target.factor))),
      GroupPart(ending: ".weight_scale_2", encoding: .f32, shape: [], content: .factor),
    ]
  }

  func smallFiles(_ section: [String: JSONValue]) -> [(name: String, content: JSONValue)] {
    let quantization: JSONValue = [
      "quant_algo": section["quant_algo"] ?? .null, "kv_cache_quant_algo": .null, "group_size": 16,
      "exclude_modules": section["ignore"] ?? [],
    ]
    return [
      ("hf_quant_config.json", ["producer": section["producer"] ?? .null, "quantization": quantization])
    ]
  }

  func section(_ tensors: [PlannedTensor], own: [String: JSONValue]?) -> [String: JSONValue] {
    let weights: JSONValue = ["dynamic": false, "num_bits": 4, "type": "float", "group_size": 16]
    return [
      "quant_method": "modelopt", "quant_algo": "W4A16_NVFP4",
      "config_groups": ["group_0": ["weights": weights, "targets": ["Linear"]]],
      "ignore": .array(FullPrecisionModules.names(in: tensors).map(JSONValue.string)),
      "producer": ["name": "decant", "version": .string(Version.current)],
    ]
  }
}
