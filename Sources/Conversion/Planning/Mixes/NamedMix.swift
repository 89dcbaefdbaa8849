/// A type for most weights of a model, and other types for those that suffer more or matter less: what llama-quantize
/// makes of a name such as `q4_k_m`.
///
/// The mixes are a table, `NamedMix.all`. The same type is chosen for every tensor as llama-quantize chooses.
/// Source: llama.cpp `llama_tensor_get_type_impl`; of its rules, those for mixtures of experts and for Falcon come with
/// these families.
public struct NamedMix: Sendable {
  /// As on the command line: `q4_k_m`.
  public let name: String
  /// Other names for it.
  public let aliases: [String]
  /// Name of the type of every weight that no rule is about.
  public let type: String
  /// `general.file_type` of such files.
  public let fileType: UInt32
  /// Of several rules for a tensor the first whose condition holds decides.
  let rules: [Rule]
  /// Whether the result is so poor without an importance matrix that it is refused.
  public let needsImportance: Bool

  /// A type for tensors of one role.
  struct Rule: Sendable {
    let role: TensorRole
    let condition: Condition
    let type: String
  }

  /// When a rule holds. `index` counts the tensors of the role in the order of the layers.
  enum Condition: Sendable {
    case always
    /// At least so many query heads share a key and value head.
    case queriesPerKey(atLeast: Int)
    /// The first tensors of the role.
    case first(Int)
    /// The first layers: one in so many.
    case firstLayers(oneIn: Int)
    /// The same, with an importance matrix.
    case firstLayersWithImportance(oneIn: Int)
    /// The same, without one.
    case firstLayersWithoutImportance(oneIn: Int)
    /// The first and the last eighth, and every third in between.
    case outerEighthsAndEveryThird
  }

  /// What conditions are about, besides the tensor's place among those of its role.
  struct Circumstances: Sendable {
    /// Of the model that is read, before layers are left out.
    let layerCount: Int
    let queriesPerKey: Int
    let hasImportance: Bool
    /// Whether the embedding is the output matrix as well.
    let isTied: Bool
  }

  init(
    _ name: String, aliases: [String] = [], of type: String, fileType: UInt32, needsImportance: Bool = false,
    _ rules: [Rule] = []
  ) {
    self.name = name
    self.aliases = aliases
    self.type = type
    self.fileType = fileType
    self.needsImportance = needsImportance
    self.rules = rules
  }

  /// The mix with that name, or with that alias.
  public static func named(_ name: String) -> NamedMix? {
    all.first { $0.name == name } ?? all.first { $0.aliases.contains(name) }
  }

  /// The names of the types that it gives to any tensor.
  public var types: [String] { [type, outputType(fits: true)] + rules.map(\.type) }

  /// The name of the type for a tensor.
  /// - Parameters:
  ///   - index: the place of the tensor among the `count` of its role.
  ///   - fits: whether rows of the tensor are whole blocks of the mix's own type.
  func type(for role: TensorRole, index: Int, count: Int, fits: Bool, _ circumstances: Circumstances) -> String {
    if role == .output || (role == .tokenEmbedding && circumstances.isTied) { return outputType(fits: fits) }
    // The value matrices count among themselves, the others by the layers of the model.
    let places = role == .attentionValue ? count : circumstances.layerCount
    let rule = rules.first { $0.role == role && $0.condition.holds(index: index, of: places, circumstances) }
    let chosen = rule?.type ?? type
    return role == .attentionValue && circumstances.isSeventyBillion ? Self.promoted[chosen] ?? chosen : chosen
  }

  /// The output matrix is worth more bits in every mix.
  private func outputType(fits: Bool) -> String {
    if let rule = rules.first(where: { $0.role == .output }) { return rule.type }
    return fits && type != "q8_0" ? "q6_k" : "q8_0"
  }

  /// In models of 80 layers with shared keys, eight heads use each value matrix, which is small.
  private static let promoted = ["q3_k": "q5_k", "q4_k": "q5_k"]
}

extension NamedMix.Circumstances {
  fileprivate var isSeventyBillion: Bool { layerCount == 80 && queriesPerKey > 1 }
}

extension NamedMix.Condition {
  fileprivate func holds(index: Int, of count: Int, _ circumstances: NamedMix.Circumstances) -> Bool {
    switch self {
    case .always: true
    case .queriesPerKey(let least): circumstances.queriesPerKey >= least
    case .first(let number): index < number
    case .firstLayers(let divisor): index < count / divisor
    case .firstLayersWithImportance(let divisor): circumstances.hasImportance && index < count / divisor
    case .firstLayersWithoutImportance(let divisor): !circumstances.hasImportance && index < count / divisor
    case .outerEighthsAndEveryThird:
      index < count / 8 || index >= 7 * count / 8 || (index - count / 8) % 3 == 2
    }
  }
}
