internal import JSON
internal import Quantization
internal import Tensors

// Source: mlx `quantize`; mlx-lm `utils.py` (`quantize_model`, `save_config`).
extension MLXLayout: GroupWritingLayout {
  var key: String { "mlx" }

  private static let bits = [2, 3, 4, 5, 6, 8]
  private static let groups = [32, 64, 128]
  private static let modes = [("mxfp4", 32), ("mxfp8", 32), ("nvfp4", 16)]

  var types: [GroupType] {
    ([4] + Self.bits.filter { $0 != 4 }).map { affine($0, 64) }
      + Self.modes.map { GroupType(layout: key, name: $0.0, extent: GroupExtent(columns: $0.1)) }
  }

  private func affine(_ bits: Int, _ group: Int) -> GroupType {
    GroupType(layout: key, name: "int\(bits)", extent: GroupExtent(columns: group), isSymmetric: false)
  }

  func groups(of type: GroupType) -> String {
    Self.modes.first { $0.0 == type.name }.map { "groups of \($0.1)" } ?? "groups of 32, 64 or 128, with an offset each"
  }

  func has(_ type: GroupType) -> Bool {
    guard type.extent.rows == 1 else { return false }
    if let (_, group) = Self.modes.first(where: { $0.0 == type.name }) { return type.extent.columns == group }
    return Self.bits.contains(type.bits) && Self.groups.contains(type.extent.columns) && !type.isSymmetric
  }

  func types(holding form: GroupForm) -> [GroupType] {
    guard form.levels.wholeNumbers != nil else {
      return types.filter { Self.levels(of: $0) == form.levels && form.columns % $0.extent.columns == 0 }
    }
    guard let group = Self.groups.last(where: { form.columns % $0 == 0 }) else { return [] }
    return Self.bits.filter { $0 >= form.levels.bits }.map { affine($0, group) }
  }

  func types(ofBits bits: Int, form: GroupForm?) -> [TargetType] {
    if form?.levels == .e2m1 { return types.filter { $0.name == "nvfp4" }.map { TargetType(groups: $0) } }
    let width = Self.bits.first { $0 >= bits } ?? 8
    let sizes = form.map { [$0.columns].filter(Self.groups.contains) } ?? []
    return (sizes + [64, 32]).map { TargetType(groups: affine(width, $0)) }
  }

  func unfitness(of type: GroupType, name: String, shape: [Int]) -> String? {
    // Stacked experts are matrices one below the other.
    guard shape.count == 3, MLXExperts.isStack(name) else { return commonUnfitness(type, name: name, shape: shape) }
    return commonUnfitness(type, name: name, shape: [shape[0] * shape[1], shape[2]])
  }

  func takes(_ candidate: Recipe.Candidate) -> Bool {
    candidate.isUsualLinear || (candidate.shape.count == 3 && MLXExperts.isStack(candidate.name))
      || (candidate.shape.count == 2 && TensorRole.isEmbeddingOrHead(candidate.name))
  }

  func rounding(_ type: GroupType, _ element: ElementRounding) -> any GroupRounding {
    switch type.name {
    case "mxfp4": PowerRounding(levels: .e2m1, rule: .mlx, element: element)
    case "mxfp8": PowerRounding(levels: .e4m3, rule: .mlx, element: element)
    case "nvfp4": NVFP4Rounding(rule: .mlx, element: element)
    default: AffineRounding(bits: type.bits, group: type.extent.columns, element: element)
    }
  }

  private static func levels(of type: GroupType) -> GroupLevels {
    switch type.name {
    case "mxfp4", "nvfp4": .e2m1
    case "mxfp8": .e4m3
    default: .integers(bits: type.bits)
    }
  }

  var takesEmbeddings: Bool { true }

  var scaleElements: [Encoding] { [.bf16, .f16, .f32] }

  func target(_ type: GroupType, element: Encoding) -> GroupTarget {
    let levels = Self.levels(of: type)
    let isAffine = levels.wholeNumbers != nil
    let format: NumberFormat = isAffine ? .float(element) : type.name == "nvfp4" ? .e4m3 : .exponent
    return GroupTarget(
      levels: levels, offset: isAffine ? .bias : .none, extent: type.extent, scales: format,
      biases: isAffine ? format : nil)
  }

  func parts(_ type: GroupType, _ target: GroupTarget, shape: [Int]) -> [GroupPart] {
    let (outer, columns) = (Array(shape.dropLast()), shape[shape.count - 1])
    let rows = outer.reduce(1, *)
    let numbers = outer + [columns / type.extent.columns]
    var parts = [
      GroupPart(
        ending: ".weight", encoding: .u32, shape: outer + [columns * type.bits / 32],
        content: .groups(RowCodePlane(bits: type.bits, columns: columns, rowBytes: columns * type.bits / 8))),
      GroupPart(
        ending: ".scales", encoding: target.offset == .bias ? target.scales.encoding : .u8, shape: numbers,
        content: .groups(NumberPlane(format: target.scales, rows: rows))),
    ]
    if let biases = target.biases {
      parts.append(
        GroupPart(
          ending: ".biases", encoding: biases.encoding, shape: numbers,
          content: .groups(NumberPlane(which: .offsets, format: biases, rows: rows))))
    }
    return parts
  }

  /// mlx-lm takes the names of such files for its own.
  func fileMetadata(of tensors: [PlannedTensor], own: [String: String]) -> [String: String] {
    let isMLX = tensors.contains { $0.spelling?.layout is MLXLayout }
    guard isMLX || own["format"] == "mlx" else { return own }
    return own.merging(["format": isMLX ? "mlx" : "pt"]) { $1 }
  }

  var sectionKeys: [String] { ["quantization", "quantization_config"] }

  func section(_ tensors: [PlannedTensor], own: [String: JSONValue]?) -> [String: JSONValue] {
    guard let main = tensors.mainType(of: self) else { return own ?? [:] }
    func entry(_ type: GroupType) -> [String: JSONValue] {
      [
        "group_size": .integer(type.extent.columns), "bits": .integer(type.bits),
        "mode": .string(type.name.hasPrefix("int") ? "affine" : type.name),
      ]
    }
    var section = entry(main)
    for (tensor, type) in tensors.grouped(by: self) where type != main {
      section[FullPrecisionModules.module(of: tensor.name)] = .object(entry(type))
    }
    return section
  }
}
