internal import JSON
internal import Quantization
internal import Tensors

// Source: bitsandbytes `int8_vectorwise_quant`, `Linear8bitLt._save_to_state_dict`.
extension LLMInt8Layout: GroupWritingLayout {
  var key: String { "bitsandbytes" }
  var needsConfig: Bool { false }
  var listKey: String? { "llm_int8_skip_modules" }

  var types: [GroupType] { [GroupType(layout: key, name: "int8", extent: .row)] }

  func has(_ type: GroupType) -> Bool { types.contains(type) }

  func groups(of type: GroupType) -> String { "a scale for each row" }

  /// Values are multiplied by 1/127 last, so that no other spelling holds the same.
  func types(holding form: GroupForm) -> [GroupType] { [] }

  func types(ofBits bits: Int, form: GroupForm?) -> [TargetType] {
    if bits <= 4, let nf4 = Catalog.codec(named: "nf4") { return [TargetType(codec: nf4)] }
    return types.map { TargetType(groups: $0) }
  }

  func common(_ type: GroupType) -> String { "LLM.int8" }

  func unfitness(of type: GroupType, name: String, shape: [Int]) -> String? {
    commonUnfitness(type, name: name, shape: shape)
  }

  func rounding(_ type: GroupType, _ element: ElementRounding) -> any GroupRounding { LLMInt8Rounding() }

  func target(_ type: GroupType, element: Encoding) -> GroupTarget {
    GroupTarget(levels: .signedBytes, offset: .none, extent: .row, scales: .float(.f32))
  }

  func parts(_ type: GroupType, _ target: GroupTarget, shape: [Int]) -> [GroupPart] {
    [
      GroupPart(
        ending: ".weight", encoding: .i8, shape: shape,
        content: .groups(RowCodePlane(bits: 8, columns: shape[1], rowBytes: shape[1]))),
      GroupPart(
        ending: ".SCB", encoding: .f32, shape: [shape[0]],
        content: .groups(NumberPlane(format: .float(.f32), rows: shape[0]))),
      GroupPart(ending: ".weight_format", encoding: .u8, shape: [], content: .constant([0])),
    ]
  }

  func section(_ tensors: [PlannedTensor], own: [String: JSONValue]?) -> [String: JSONValue] {
    [
      "quant_method": "bitsandbytes", "_load_in_4bit": false, "_load_in_8bit": true, "load_in_4bit": false,
      "load_in_8bit": true, "llm_int8_enable_fp32_cpu_offload": false, "llm_int8_has_fp16_weight": false,
      "llm_int8_skip_modules": BlockwiseLayout.skippedModules(tensors),
      "llm_int8_threshold": 6.0,
    ]
  }
}
