internal import Architectures
internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// Experts of gpt-oss as they are published: for a stack `P` of matrices, `P_blocks` in U8 of shape
/// `[experts, out, in / 32, 16]`, two values a byte with the earlier one in the low half, and `P_scales`, an exponent for
/// each block. The model has them as `[experts, in, out]`.
///
/// The blocks are those of OCP Microscaling Formats (MX) 1.0, as in ggml's `mxfp4`, which has the value `j` beside
/// `j + 16` in a byte: so the bytes change places and nothing is lost. Source: transformers `integrations/mxfp4.py`.
struct MXFP4Layout: GroupWritingLayout {
  /// What the stacks are called.
  private static let stacks = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
  private static let blocksEnding = "_blocks"
  private static let scalesEnding = "_scales"
  private static let elements = 32
  private static let codeBytes = 16

  var name: String { "mxfp4" }

  /// Source: transformers `Mxfp4Config`.
  var settings: Set<String>? { Self.known }
  private static let known: Set<String> = [
    "quant_method", "modules_to_not_convert", "dequantize", "version",
  ]

  var parts: [(ending: String, whole: String)] {
    Self.stacks.map { ($0 + Self.scalesEnding, "tensor \(Self.blocksEnding)") }
  }

  func weights(in source: any TensorSource, config: JSONValue?) throws(FileError) -> [FoundWeight] {
    var result: [FoundWeight] = []
    for blocks in source.tensors where Self.isStack(blocks.name, Self.blocksEnding) && blocks.encoding == .u8 {
      let name = String(blocks.name.dropLast(Self.blocksEnding.count))
      let scalesName = name + Self.scalesEnding
      guard let scales = source.descriptor(of: scalesName) else {
        throw LayoutRule.experts.broken(
          .missing, path: source.name, subject: scalesName, "is not there, though \(blocks.name) is: its exponents")
      }
      guard blocks.shape.count == 4, blocks.shape.last == Self.codeBytes, blocks.elementCount > 0 else {
        throw LayoutRule.experts.broken(
          .mismatch, path: source.name, subject: blocks.name,
          "has shape \(blocks.shape), but experts in MXFP4 are [experts, rows, blocks of a row, \(Self.codeBytes)], none of them 0"
        )
      }
      guard scales.encoding == .u8, scales.shape == Array(blocks.shape.dropLast()) else {
        throw LayoutRule.experts.broken(
          .mismatch, path: source.name, subject: scalesName,
          "has shape \(scales.shape) of \(scales.encoding.name), but \(blocks.name) needs "
            + "\(Array(blocks.shape.dropLast())) of u8, one exponent for each block")
      }
      if let method = config?["quantization_config"]?["quant_method"]?.string, method != self.name {
        throw FileError(
          .unsupported, path: source.name, subject: blocks.name,
          "is a weight in MXFP4, but config.json says quant_method \(FileError.quoted(method))")
      }
      result.append(FoundWeight(place: blocks.name, weight: weight(name, blocks, scales, source), isTransposed: true))
    }
    return result
  }

  private func weight(
    _ name: String, _ blocks: TensorDescriptor, _ scales: TensorDescriptor, _ source: any TensorSource
  ) -> GroupedWeight {
    let columns = blocks.shape[2] * Self.elements
    let shape = blocks.shape.dropLast(2) + [columns]
    return GroupedWeight(
      name: name, shape: Array(shape), layout: self, typeName: "mxfp4", storedNames: [blocks.name, scales.name],
      // What transformers computes with.
      originalEncoding: .bf16,
      codes: RowCodes(name: blocks.name, bits: 4, columns: columns, rowBytes: columns / 2),
      groups: GroupedWeight.Groups(
        levels: .e2m1, columns: Self.elements,
        scales: StoredNumbers(
          name: scales.name, format: .exponent, rows: shape.dropLast().reduce(1, *), groups: blocks.shape[2])),
      type: types.first.map { TargetType(groups: $0) }, source: source)
  }

  private static func isStack(_ name: String, _ ending: String = "") -> Bool {
    stacks.contains { name.hasSuffix($0 + ending) }
  }

  // MARK: - Writing

  var key: String { "mxfp4" }

  var types: [GroupType] { [GroupType(layout: key, name: "mxfp4", extent: GroupExtent(columns: Self.elements))] }

  func has(_ type: GroupType) -> Bool { types.contains(type) }

  func groups(of type: GroupType) -> String { "groups of \(Self.elements)" }

  func types(holding form: GroupForm) -> [GroupType] {
    form.levels == .e2m1 && form.offset == .none && form.columns % Self.elements == 0 ? types : []
  }

  func types(ofBits bits: Int, form: GroupForm?) -> [TargetType] { types.map { TargetType(groups: $0) } }

  var storesTransposed: Bool { true }
  var needsConfig: Bool { false }

  func storedName(of name: String, _ ending: String) -> String { name + ending }

  func unfitness(of type: GroupType, name: String, shape: [Int]) -> String? {
    guard Self.isStack(name), shape.count == 3 else { return "only stacks of experts as gpt-oss has them are mxfp4" }
    return shape[1] % Self.elements == 0 ? nil : "rows of \(shape[1]) do not divide into blocks of \(Self.elements)"
  }

  func takes(_ candidate: Recipe.Candidate) -> Bool { candidate.shape.count == 3 && Self.isStack(candidate.name) }

  func rounding(_ type: GroupType, _ element: ElementRounding) -> any GroupRounding {
    PowerRounding(levels: .e2m1, rule: .openAI, element: element)
  }

  func target(_ type: GroupType, element: Encoding) -> GroupTarget {
    GroupTarget(levels: .e2m1, offset: .none, extent: type.extent, scales: .exponent)
  }

  func parts(_ type: GroupType, _ target: GroupTarget, shape: [Int]) -> [GroupPart] {
    let columns = shape[shape.count - 1]
    let blocks = Array(shape.dropLast()) + [columns / Self.elements]
    return [
      GroupPart(
        ending: Self.blocksEnding, encoding: .u8, shape: blocks + [Self.codeBytes],
        content: .groups(RowCodePlane(bits: 4, columns: columns, rowBytes: columns / 2))),
      GroupPart(
        ending: Self.scalesEnding, encoding: .u8, shape: blocks,
        content: .groups(NumberPlane(format: .exponent, rows: shape.dropLast().reduce(1, *)))),
    ]
  }

  func section(_ tensors: [PlannedTensor], own: [String: JSONValue]?) -> [String: JSONValue] {
    if let own, own["quant_method"]?.string == name { return own }
    // What gpt-oss is published with.
    return [
      "quant_method": .string(name),
      "modules_to_not_convert": [
        "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head",
      ],
    ]
  }
}
