/// A type for most weights of a model, and other types for those that suffer more or matter less: what llama-quantize
/// makes of a name such as `q4_k_m`.
///
/// The mixes are a table, `NamedMix.all`. The same type is chosen for every tensor as llama-quantize chooses, whatever
/// the architecture. Source: llama.cpp `llama_tensor_get_type_impl`.
public struct NamedMix: Sendable {
  /// As on the command line: `q4_k_m`.
  public let name: String
  /// Other names for it.
  public let aliases: [String]
  /// Name of the type of every weight that no rule is about.
  public let type: String
  /// `general.file_type` of such files.
  public let fileType: UInt32
  /// Of several rules for a tensor the first whose conditions hold decides.
  let rules: [Rule]
  /// Whether the result is so poor without an importance matrix that it is refused.
  public let needsImportance: Bool

  /// A type for tensors of one role, or of any, where all of the conditions hold.
  struct Rule: Sendable {
    let role: TensorRole?
    let type: String
    let conditions: [Condition]

    init(_ role: TensorRole?, _ type: String, when conditions: Condition...) {
      self.role = role
      self.type = type
      self.conditions = conditions
    }
  }

  enum Condition: Sendable {
    /// At least so many query heads share a key and value head.
    case queriesPerKey(atLeast: Int)
    /// Whether there are exactly eight experts, as in Mixtral.
    case eightExperts(Bool)
    /// Whether the architecture is Falcon's.
    case falcon(Bool)
    /// Whether there is an importance matrix.
    case importance(Bool)
    /// Whether the tensor holds a matrix for each expert.
    case experts(Bool)
    /// The first tensors of the role.
    case first(Int)
    /// The first layers: one in so many.
    case firstLayers(oneIn: Int)
    /// The first and the last eighth, and every third in between.
    case outerEighthsAndEveryThird
  }

  /// What a rule can ask of a tensor.
  struct Place {
    let name: String
    let shape: [Int]
    let role: TensorRole
    /// The number of its layer, or of the tensor among the `count` of its role.
    let index: Int
    let count: Int
    /// Whether its rows are whole blocks of the mix's own type.
    let fits: Bool
    let hasImportance: Bool
    /// Whether the embedding is the output matrix as well.
    let isTied: Bool
    let model: MixCircumstances
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
  public var types: [String] { [type, hasPlainOutput ? "q8_0" : "q6_k", "q8_0"] + rules.map(\.type) }

  /// The name of the type for a tensor.
  func type(for place: Place) -> String {
    let sensitive = Self.sensitiveParts[place.model.architecture] ?? []
    if sensitive.contains(where: { place.name.holds($0) }) { return "q8_0" }
    if place.role == .output || (place.role == .tokenEmbedding && place.isTied) { return outputType(place) }
    let rules = type == Self.expertType ? rules : Self.rulesOfAll + rules
    let rule = rules.first { rule in
      (rule.role ?? place.role) == place.role && rule.conditions.allSatisfy { $0.holds(place) }
    }
    let chosen = rule?.type ?? type
    return place.role == .attentionValue && place.model.sharesFewValues ? Self.promoted[chosen] ?? chosen : chosen
  }

  /// The output matrix is worth more bits in every mix.
  private func outputType(_ place: Place) -> String {
    hasPlainOutput || place.model.isFalcon || !place.fits ? "q8_0" : "q6_k"
  }

  private var hasPlainOutput: Bool { type == Self.expertType || type == "q8_0" }

  /// The type that is meant for experts alone.
  private static let expertType = "mxfp4"

  /// In every mix but that one: with eight experts a layer, the matrices that they share are next to nothing.
  private static let rulesOfAll = [
    Rule(.attentionValue, "q8_0", when: .eightExperts(true)),
    Rule(.attentionKey, "q8_0", when: .eightExperts(true)),
  ]

  /// A small value matrix gets more bits.
  private static let promoted = ["q3_k": "q5_k", "q4_k": "q5_k"]

  /// Parts of names of tensors that single architectures do not bear to be less than q8_0.
  private static let sensitiveParts = ["glm5-next": ["attn_q_a", "attn_q_b", "nextn.eh_proj"]]
}

extension NamedMix.Place {
  /// Matrices of several heads are stacks too, where an architecture has both.
  fileprivate var isOfExperts: Bool {
    guard shape.count > 2, shape[shape.count - 3] > 1 else { return false }
    return model.architecture != "bailingmoe3" || role.isOfFeedForward
  }
}

extension NamedMix.Condition {
  fileprivate func holds(_ place: NamedMix.Place) -> Bool {
    let (index, count) = (place.index, place.count)
    return switch self {
    case .queriesPerKey(let least): place.model.queriesPerKey >= least
    case .eightExperts(let expected): place.model.hasEightExperts == expected
    case .falcon(let expected): place.model.isFalcon == expected
    case .importance(let expected): place.hasImportance == expected
    case .experts(let expected): place.isOfExperts == expected
    case .first(let number): index < number
    case .firstLayers(let divisor): index < count / divisor
    case .outerEighthsAndEveryThird:
      index < count / 8 || index >= 7 * count / 8 || (index - count / 8) % 3 == 2
    }
  }
}
