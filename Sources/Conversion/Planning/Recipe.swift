internal import Architectures
public import Bytes
internal import Quantization
internal import Tensors

/// Which type each output tensor gets, and what else of a model is changed on the way.
public struct Recipe: Sendable {
  /// The rule for tensors that nothing more particular names.
  public enum Rule: Sendable {
    /// Every tensor stays what it is.
    case keep
    /// Every matrix is stored with this type, and in safetensors every vector too.
    case elements(TargetType)
    /// Every weight that tolerates it gets this GGML type: llama-quantize's `--pure`.
    case everyMatrix(TargetType)
    /// llama-quantize's choice of types under that name.
    case mix(NamedMix)
    /// Every linear layer but the head gets this type, as bitsandbytes does; the rest stays. Groups go where their layout has
    /// them.
    case linearLayers(TargetType)
    /// Every quantized weight is spelled as the layout of that name does, exactly where that can be; the rest stays.
    case layout(String)
    /// Each tensor gets the type that the table has for it; the rest stays.
    case table(TypeTable)
  }

  public struct Override: Sendable {
    /// A regular expression that is searched for in the output's tensor names.
    public var pattern: String { expression.text }
    public let type: TargetType
    let expression: BoundedExpression

    /// - Throws: `FileError` for an expression that has more than classes, choices, groups and repeated characters: then
    ///   it could take ages to match, and the output could not be made again from its record.
    public init(pattern: String, type: TargetType) throws(FileError) {
      do throws(BoundedExpression.Refusal) {
        expression = try BoundedExpression(pattern)
      } catch {
        throw FileError(.malformed, path: "recipe", subject: pattern, error.reason)
      }
      self.type = type
    }
  }

  public var rule: Rule
  /// The first that matches a name decides.
  public var overrides: [Override]
  /// Type of the output matrix, whatever rule and overrides say; of a tied embedding where a mix would choose it.
  public var outputType: TargetType?
  /// Whether the output matrix stays what it is. A tied embedding is none.
  public var leavesOutput = false
  /// Type of the token embedding, whatever rule and overrides say.
  public var embeddingType: TargetType?
  /// Whether a row length that no block fits is refused instead of stored with smaller blocks, or as F16.
  public var refusesFallback: Bool
  /// Whether it is refused that a value of a weight changes.
  public var isExactOnly = false
  /// Whether columns in act-order are put in the order of their groups where that keeps codes that would be rounded again.
  public var undoesActOrder = false
  /// Tensors, by output name, that stay as they are whatever the rules say.
  public private(set) var kept: Set<String>
  /// Layers that are left out of a GGUF.
  public var prunedLayers: Set<Int> = []
  /// Metadata that a GGUF gets whatever the model says, in this order.
  public var metadata: [MetadataOverride] = []
  /// `general.file_type`, where a name stands for one.
  public var fileType: UInt32?
  /// `general.name` of a GGUF; by default what the model says itself.
  public var modelName: String?
  /// `tokenizer.ggml.pre` of a GGUF, whatever the tokenizer says; nil where it counts.
  public var preTokenizer: String?
  /// How much each column of each weight matters.
  public var importance: ImportanceMatrix?
  /// What is known of linear layers; their codes and scales are chosen by it where the type has any.
  public var calibration: (any Calibration)?
  /// Whether it is an importance matrix only, and types have their own encoders: what calibrated codes are measured against.
  public var leavesCodesToReference = false
  /// Takes what that has gained.
  public private(set) var gains = CalibrationGains()

  public init(_ rule: Rule, overrides: [Override] = [], refusesFallback: Bool = false, kept: Set<String> = []) {
    self.rule = rule
    self.overrides = overrides
    self.refusesFallback = refusesFallback
    self.kept = kept
    if case .mix(let mix) = rule { fileType = mix.fileType }
  }

  /// This recipe for another output, of which it is told apart what is gained.
  public func forTrial(_ rule: Rule) -> Recipe {
    var result = self
    result.rule = rule
    result.gains = CalibrationGains()
    return result
  }

  /// This recipe with some tensors left as they are.
  public func keeping(_ names: Set<String>) -> Recipe {
    var result = self
    result.kept.formUnion(names)
    return result
  }

  /// Whether it asks for a type that no other container has.
  func isOnly(for container: Container) -> Bool {
    var types = overrides.map(\.type) + [outputType, embeddingType].compactMap(\.self)
    switch rule {
    // The scales of these are companion tensors, which every container holds.
    case .linearLayers, .layout: return false
    case .keep: break
    case .elements(let type), .everyMatrix(let type): types.append(type)
    case .mix(let mix): types += Catalog.codec(named: mix.type).map { [TargetType(codec: $0)] } ?? []
    case .table(let table): types += table.types.values.filter { !$0.isElement }
    }
    return types.contains { type in
      guard let encoding = type.encoding else { return false }
      return Container.written.allSatisfy { $0.canHold(encoding) == ($0 == container) }
    }
  }

  /// Whether a mix needs an importance matrix to give that type to that tensor.
  func needsImportance(name: String, type: String) -> Bool {
    guard case .mix(let mix) = rule, mix.needsImportance, type == mix.type else { return false }
    return ![.output, .tokenEmbedding].contains(TensorRole(name: name))
  }

  // MARK: - Choosing

  /// Whether groups that are there are kept where the output can hold them.
  var keepsGroups: Bool {
    switch rule {
    case .keep, .layout: true
    default: false
    }
  }

  /// Whether it is only spelled otherwise what is quantized.
  var isRespelling: Bool { if case .layout = rule { true } else { false } }

  /// The layout that weights get; nil where the recipe names none, or several could be.
  var layout: (any WeightLayout)? {
    switch rule {
    case .layout(let key): WeightLayouts.writing(key)
    case .linearLayers(let type):
      type.groups.flatMap { WeightLayouts.writing($0.layout) } ?? WeightLayouts.all.first { $0.writes(type) }
    case .table(let table):
      table.types.values.lazy.compactMap(\.groups).first.flatMap { WeightLayouts.writing($0.layout) }
        ?? WeightLayouts.all.first { layout in table.types.values.contains { layout.writes($0) } }
    case .keep, .elements, .everyMatrix, .mix: nil
    }
  }

  /// Whether experts are stacked as mlx-lm does: in its layout, or because they are and stay so.
  func stacksExperts(of checkpoint: Checkpoint) -> Bool {
    if case .keep = rule { return checkpoint.weights.contains { MLXExperts.isStack($0.name) } }
    return layout is MLXLayout
  }

  /// Whether linear layers get a type that transformers opens, which then has to be one that its quantizers give.
  var isForTransformers: Bool { if case .linearLayers(let type) = rule { type.isOpenedByTransformers } else { false } }

  /// A tensor to choose a type for.
  struct Candidate {
    let name: String
    let shape: [Int]
    let role: TensorRole
    let isQuantizable: Bool
    /// The number of its layer in a GGUF; tensors outside of layers come first.
    let layer: Int

    /// Whether it is a linear layer that the rule is for, as the model tells; nil where its name has to.
    let isLinear: Bool?

    init(name: String, shape: [Int], architecture: String, isLinear: Bool?) {
      self.isLinear = isLinear
      self.name = name
      self.shape = shape
      role = TensorRole(name: name)
      isQuantizable = TensorRole.isQuantizable(name: name, shape: shape, architecture: architecture)
      let parts = name.utf8.split(separator: UInt8(ascii: "."), maxSplits: 2, omittingEmptySubsequences: false)
      layer = parts.count > 1 && parts[0].elementsEqual("blk".utf8) ? Int(Substring(parts[1])) ?? -1 : -1
    }

    var columns: Int { shape.last ?? 0 }

    /// Whether it is a linear layer as bitsandbytes takes them: not the head.
    var isUsualLinear: Bool {
      guard shape.count == 2 else { return false }
      return isLinear
        ?? (TensorRole.isTolerant(name: name) && !TensorRole.isEmbeddingOrHead(name)
          && ![.output, .tokenEmbedding].contains(role))
    }

    /// Layer by layer, and by name in each.
    static func precedes(_ first: Candidate, _ second: Candidate) -> Bool {
      if first.layer != second.layer { return first.layer < second.layer }
      return first.name.utf8.lexicographicallyPrecedes(second.name.utf8)
    }
  }

  /// The type for each output tensor, before it is known whether its rows fit.
  /// - Parameter linearLayer: which linear layer a tensor is the weight of; nil where names have to tell.
  func choices(
    for tensors: [(name: String, shape: [Int])], _ circumstances: MixCircumstances,
    linearLayer: ((String) -> LinearLayer?)? = nil
  ) throws(FileError) -> [TypeChoice] {
    let sparesLeftAlone = isForTransformers
    let candidates = tensors.map { tensor in
      Candidate(
        name: tensor.name, shape: tensor.shape, architecture: circumstances.architecture,
        isLinear: linearLayer.map { find in find(tensor.name).map { !(sparesLeftAlone && $0.isLeftAlone) } ?? false })
    }
    guard case .mix(let mix) = rule else { return candidates.map { fixedChoice(for: $0) ?? ruleChoice(for: $0) } }
    return try choices(of: mix, for: candidates, circumstances)
  }

  /// A mix counts tensors layer by layer.
  private func choices(
    of mix: NamedMix, for candidates: [Candidate], _ circumstances: MixCircumstances
  ) throws(FileError) -> [TypeChoice] {
    let block = try TargetType(named: mix.type).codec?.elementsPerBlock ?? 1
    let isTied = !candidates.contains { $0.role == .output }
    let valueCount = candidates.count { $0.role == .attentionValue }
    var seen: [TensorRole: Int] = [:]
    var choices = Array(repeating: TypeChoice.kept, count: candidates.count)
    for number in candidates.indices.sorted(by: { Candidate.precedes(candidates[$0], candidates[$1]) }) {
      let candidate = candidates[number]
      let role = candidate.role
      if let fixed = fixedChoice(for: candidate) {
        choices[number] = fixed
        continue
      }
      if role == .tokenEmbedding, isTied, let outputType {
        choices[number] = .type(outputType)
        continue
      }
      // The value matrices count among themselves. The others count by the layers of the model: one a layer, or, where a
      // layer may have several for its experts, by what their names say.
      let goesByName = role != .attentionValue && circumstances.expertCount > 1 && candidate.layer >= 0
      let name = mix.type(
        for: NamedMix.Place(
          name: candidate.name, shape: candidate.shape, role: role,
          index: goesByName ? candidate.layer : seen[role, default: 0],
          count: role == .attentionValue ? valueCount : circumstances.layerCount,
          fits: candidate.columns % block == 0, hasImportance: importance != nil, isTied: isTied,
          model: circumstances))
      seen[role, default: 0] += 1
      choices[number] = .type(try TargetType(named: name))
    }
    return choices
  }

  /// What is said of this very tensor, or of tensors that a mix has nothing to do with.
  private func fixedChoice(for candidate: Candidate) -> TypeChoice? {
    let (role, isQuantizable) = (candidate.role, candidate.isQuantizable)
    if kept.contains(candidate.name) || (leavesOutput && role == .output) { return .kept }
    let named = overrides.first { $0.expression.isFound(in: candidate.name) }
    if isQuantizable, role == .tokenEmbedding, let embeddingType {
      // The embeddings of the layers are a large table of their own, which an override may mean.
      let isOfLayers = candidate.name.utf8.elementsEqual("per_layer_token_embd.weight".utf8)
      if named == nil || !isOfLayers { return .type(embeddingType) }
    }
    if isQuantizable, role == .output, let outputType { return .type(outputType) }
    if let named, isQuantizable || named.type.isElement { return .type(named.type) }
    if case .mix = rule, !isQuantizable { return .kept }
    return nil
  }

  private func ruleChoice(for candidate: Candidate) -> TypeChoice {
    switch rule {
    case .keep, .mix:
      return .kept
    case .elements(let type):
      return .type(type)
    case .everyMatrix(let type):
      return candidate.isQuantizable ? .type(type) : .kept
    case .linearLayers(let type):
      guard let groups = type.groups, let layout = WeightLayouts.writing(groups.layout) else {
        return candidate.isUsualLinear ? .type(type) : .kept
      }
      return layout.takes(candidate) ? .type(type) : .kept
    case .layout(let key):
      return WeightLayouts.writing(key)?.takes(candidate) == true ? .layout(key, like: nil) : .kept
    case .table(let table):
      return table.types[candidate.name].map { .type($0) } ?? .kept
    }
  }

  /// The type itself where it fits rows of `columns` elements; else one with smaller blocks, or F16, and the reason.
  func fitting(_ type: TargetType, name: String, columns: Int, path: String) throws(FileError)
    -> (type: TargetType, substitution: String?)
  {
    guard let codec = type.codec, !codec.blocksCrossRows, columns % codec.elementsPerBlock != 0 else {
      return (type, nil)
    }
    let block = codec.elementsPerBlock
    let smallerName = Catalog.entry(named: type.name)?.smallerBlock
    let smaller = try smallerName.map { name throws(FileError) in try TargetType(named: name) }
    let substitute = smaller.flatMap { columns % ($0.codec?.elementsPerBlock ?? 1) == 0 ? $0 : nil }
    let reason = "rows of \(columns) do not divide into \(type.name) blocks of \(block)"
    guard !refusesFallback else {
      throw FileError(
        .mismatch, path: path, subject: name, reason + "; \(substitute?.name ?? "f16") would fit",
        remedy: .allowFallback)
    }
    return (substitute ?? TargetType(codec: Float16Codec()), reason)
  }
}
