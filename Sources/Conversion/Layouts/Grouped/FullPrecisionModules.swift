internal import JSON

/// The linear modules of a model that stay as they are, which loaders of quantized folders want to be told.
enum FullPrecisionModules {
  /// Their paths, the head among them even where it is the embedding and not stored.
  static func names(in tensors: [PlannedTensor]) -> [String] {
    let linear = tensors.filter {
      $0.shape.count == 2 && $0.name.hasSuffix(".weight") && !TensorRole.isEmbedding($0.name)
    }
    var names = Set(linear.filter(\.isElements).map { module(of: $0.name) })
    if !linear.contains(where: { $0.name == "lm_head.weight" }) { names.insert("lm_head") }
    return names.sorted()
  }

  /// The same for loaders whose default is the head alone: null says that, and with any list that default is gone.
  static func list(of names: [String]) -> JSONValue {
    names == ["lm_head"] ? .null : .array(names.map(JSONValue.string))
  }

  static func module(of name: String) -> String { String(name.dropLast(".weight".count)) }
}

extension [PlannedTensor] {
  /// Those that have a type of groups of a layout, with it.
  func grouped(by layout: any GroupWritingLayout) -> [(tensor: PlannedTensor, type: GroupType)] {
    compactMap { tensor in
      guard let type = tensor.spelling?.type?.groups, type.layout == layout.key else { return nil }
      return (tensor, type)
    }
  }

  /// The type that most values have, of a layout.
  func mainType(of layout: any GroupWritingLayout) -> GroupType? {
    var counts: [GroupType: Int] = [:]
    for (tensor, type) in grouped(by: layout) { counts[type, default: 0] += tensor.elementCount }
    return counts.max { ($0.value, $1.key.text) < ($1.value, $0.key.text) }?.key
  }
}
