internal import Architectures
public import Bytes
internal import Quantization
internal import Tensors

extension Plan {
  /// Plans the whole output of a conversion.
  /// - Parameters:
  ///   - alsoReading: paths of what the job reads beside the model and what the recipe names.
  ///   - workers: how many tensors are looked at at a time.
  /// - Throws: `FileError` for whatever would make the output wrong or impossible.
  public init(
    converting checkpoint: Checkpoint, to destination: Destination, recipe: Recipe, alsoReading: [String] = [],
    workers: Int = FileSystem.processorCount()
  ) throws(FileError) {
    var failures = FileErrors()
    let inputPaths = try checkpoint.inputPaths + (recipe.importance.map { [$0.name] } ?? [])
    let inputs = inputPaths + alsoReading
    let isFree = failures.attempt { () throws(FileError) in try destination.check(against: inputs) } != nil
    var recipe = recipe
    if destination.container.tellsEverything, recipe.modelName == nil { recipe.modelName = try checkpoint.modelName }
    self = try failures.finish { [recipe] () throws(FileError) in
      let plan = try Plan(of: checkpoint, to: destination, recipe, workers: workers)
      if isFree { try destination.check(files: plan.stagedFiles, against: inputs) }
      return plan
    }
    self.inputPaths = inputPaths
  }

  /// Plans without a look at what is at the destination.
  /// - Parameters:
  ///   - version: the version of Decant that the output names.
  ///   - origins: where it says that the files come from that are read; nil to say where they do.
  init(
    of checkpoint: Checkpoint, to destination: Destination, _ recipe: Recipe, version: String = Version.current,
    origins: [String]? = nil, workers: Int = FileSystem.processorCount()
  ) throws(FileError) {
    let (tensors, notes, _, checkpoint, recipe, writing) = try Self.decided(
      of: checkpoint, to: destination, recipe, version: version, workers: workers)
    let provenance =
      destination.recordsProvenance
      ? try Provenance(
        of: checkpoint, recipe, destination, tensors: tensors.flatMap { $0.planes.map(\.descriptor) }, version: version,
        origins: origins ?? checkpoint.inputFiles.compactMap(\.origin))
      : nil
    let laidOut = try writing.layOut(
      checkpoint, tensors, destination, recipe, try provenance?.entries(path: destination.path) ?? [])
    try provenance?.checkPlaces(in: laidOut.files, writing, path: destination.path)
    self.init(
      destination: destination, tensors: tensors, files: laidOut.files, sidecars: laidOut.sidecars,
      notes: notes + laidOut.notes, provenance: provenance,
      sources: [checkpoint.source] + checkpoint.adapters.map(\.source))
  }

  /// The tensors that an output would have, without a look at what it needs besides: of a model of which only the
  /// configuration is there, too.
  /// - Throws: `FileError` for whatever would make the tensors wrong or impossible.
  public static func tensors(
    of checkpoint: Checkpoint, to destination: Destination, recipe: Recipe, workers: Int = FileSystem.processorCount()
  ) throws(FileError) -> [PlannedTensor] {
    try decided(of: checkpoint, to: destination, recipe, version: Version.current, workers: workers).tensors
  }

  /// The same, with notes on those that are not what the recipe asks for: their rows do not fit, or the layout has no form for them.
  public static func outline(
    of checkpoint: Checkpoint, to destination: Destination, recipe: Recipe, workers: Int = FileSystem.processorCount()
  ) throws(FileError) -> (tensors: [PlannedTensor], notes: [Note]) {
    let plan = try decided(of: checkpoint, to: destination, recipe, version: Version.current, workers: workers)
    return (plan.tensors, plan.otherwise)
  }

  /// Decides what becomes of every tensor.
  /// - Returns: also the model as it is written, which may be one with its neurons in another order, and the whole recipe.
  private static func decided(
    of checkpoint: Checkpoint, to destination: Destination, _ recipe: Recipe, version: String, workers: Int
  ) throws(FileError) -> (
    tensors: [PlannedTensor], notes: [Note], otherwise: [Note], checkpoint: Checkpoint, recipe: Recipe,
    writing: Container.Writing
  ) {
    try checkpoint.checkTensors()
    let recipe = try recipe.withCalibratedImportance(of: checkpoint)
    try Self.check(recipe, for: destination, of: checkpoint)
    let undone = try Self.undoingActOrder(
      of: checkpoint, to: destination, recipe, version: version, workers: workers)
    let checkpoint = undone.checkpoint
    var notes = checkpoint.notes + undone.notes
    let writing = try destination.container.requireWriting(destination.path)
    let outputs = try Self.outputs(of: checkpoint, writing, recipe)
    let circumstances = try recipe.circumstances(of: checkpoint)
    let model = destination.container.tellsEverything ? nil : checkpoint.model
    if case .table(let table) = recipe.rule {
      try table.check(
        against: Dictionary(outputs.map { ($0.name, $0.rows.shape) }) { first, _ in first }, path: destination.path)
    }
    let choices = try recipe.choices(
      for: outputs.map { ($0.name, $0.rows.shape) }, circumstances,
      linearLayer: model.map { model in { model.linearLayer($0) } })
    var otherwise: [Note] = []
    if let model { otherwise += try Self.notes(ofLeftAlone: outputs, choices, model, recipe, checkpoint) }
    notes += otherwise
    var importance = recipe.importance.map(PlannedImportance.init)
    var tensors: [PlannedTensor] = []
    tensors.reserveCapacity(outputs.count)
    var failures = FileErrors()
    let outcomes: [Result<PlannedTensor, FileError>]
    if importance == nil {
      outcomes = Workers(count: max(1, workers)).outcomes(outputs.count) { number throws(FileError) in
        var none: PlannedImportance?
        return try Self.planned(outputs[number], choices[number], checkpoint, destination, recipe, &none)
      }
    } else {
      // It notes what is asked of it.
      outcomes = zip(outputs, choices).map { output, choice in
        Result { () throws(FileError) in
          try Self.planned(output, choice, checkpoint, destination, recipe, &importance)
        }
      }
    }
    for outcome in outcomes {
      let planned = failures.attempt { () throws(FileError) in try outcome.get() }
      if let planned { tensors.append(planned) }
    }
    try failures.check()
    if case .layout(let key) = recipe.rule, let layout = WeightLayouts.writing(key),
      let (like, numbers) = Self.unlike(tensors, layout)
    {
      for number in numbers {
        tensors[number] = try Self.planned(
          outputs[number], .layout(key, like: like), checkpoint, destination, recipe, &importance)
      }
    }
    try Self.checkLayouts(of: tensors, destination)
    if case .linearLayers(let type) = recipe.rule { try Self.requireGroups(tensors, type, destination) }
    if recipe.isExactOnly { try Self.refuseInexact(tensors, destination) }
    if case .layout(let key) = recipe.rule { notes += try Self.notes(ofSpelled: tensors, as: key, checkpoint) }
    for override in recipe.overrides {
      let matched = tensors.filter { override.expression.isFound(in: $0.name) }
      notes += try Self.notes(of: override, on: matched, destination, circumstances.architecture)
    }
    if let unifying = UnifiedElementType(of: tensors, choices, checkpoint, destination) {
      for number in unifying.numbers {
        tensors[number] = try Self.planned(
          outputs[number], .type(unifying.type), checkpoint, destination, recipe, &importance)
      }
      notes.append(unifying.note)
    }
    notes += try Self.calibrate(&tensors, checkpoint, recipe)
    // With layers left out the matrix may well know more than the output has.
    let names = recipe.prunedLayers.isEmpty ? Set(outputs.map(\.originalName)) : nil
    if recipe.calibration == nil { notes += try importance?.notes(ofModelWith: names) ?? [] }
    let substitutions = Self.notes(ofSubstitutions: tensors, recipe)
    otherwise += substitutions
    notes += Self.notes(ofQuantizedAgain: tensors) + substitutions
    notes += Self.notes(ofDecoded: tensors, recipe, destination)
    notes += Self.notes(ofLists: tensors) + Self.notes(ofReorderedNeurons: checkpoint, recipe)
    if recipe.keepsGroups { notes += Self.notes(ofActOrder: tensors, checkpoint, recipe) }
    let nonFinite = tensors.filter(\.keepsNonFinite)
    for (type, tensors) in Dictionary(grouping: nonFinite, by: \.targetType).sorted(by: { $0.key < $1.key }) {
      notes.append(Note("holds values that are NaN or infinite, and is stored as \(type)", of: tensors.map(\.name)))
    }
    if checkpoint.container == .gguf { notes += Self.notes(ofRounded: tensors) }
    notes += Self.notes(ofMerged: tensors) + Self.notes(ofUnused: recipe, choices, tensors)
    return (tensors, notes, otherwise, checkpoint, recipe, writing)
  }

  /// Linear layers that stay as they are in a folder that is for transformers.
  /// - Throws: `FileError` where nothing is left to be quantized.
  private static func notes(
    ofLeftAlone outputs: [PlannedOutput], _ choices: [TypeChoice], _ model: any Model, _ recipe: Recipe,
    _ checkpoint: Checkpoint
  ) throws(FileError) -> [Note] {
    guard case .linearLayers(let type) = recipe.rule else { return [] }
    guard recipe.isForTransformers else { return notes(ofStacks: outputs, choices, model, type) }
    var (left, isAnyQuantized) = ([String](), false)
    for (output, choice) in zip(outputs, choices) {
      if case .type = choice {
        isAnyQuantized = true
      } else if model.linearLayer(output.name)?.isLeftAlone == true {
        left.append(output.name)
      }
    }
    guard !left.isEmpty else { return [] }
    let reason =
      "the quantizers of transformers leave such layers of \(model.className) alone, and it opens no folder in which they are \(type.name)"
    guard isAnyQuantized else {
      throw FileError(
        .unsupported, path: checkpoint.path, subject: left[0],
        "would stay as it is, and nothing be quantized: \(reason)",
        remedy: .chooseType)
    }
    return [Note("stays as it is: \(reason)", of: left, remedy: .chooseType)]
  }

  /// Experts in one tensor that a layout has no form for.
  private static func notes(
    ofStacks outputs: [PlannedOutput], _ choices: [TypeChoice], _ model: any Model, _ type: TargetType
  ) -> [Note] {
    guard let layout = type.groups?.layout else { return [] }
    let left = zip(outputs, choices).filter { output, choice in
      guard case .kept = choice else { return false }
      return output.rows.shape.count == 3 && model.linearLayer(output.name) != nil
    }
    guard !left.isEmpty else { return [] }
    return [
      Note(
        "stays as it is: \(layout) quantizes matrices, and this holds all experts of a layer", of: left.map(\.0.name))
    ]
  }

  /// Weights that a GGUF has unquantized, though they were quantized.
  private static func notes(ofDecoded tensors: [PlannedTensor], _ recipe: Recipe, _ destination: Destination) -> [Note]
  {
    guard case .keep = recipe.rule else { return [] }
    // Of what an adapter changes another note says why.
    let decoded = tensors.filter { $0.losesQuantization && !$0.isMerged }
    guard let first = decoded.first else { return [] }
    guard destination.container.tellsEverything else {
      let rounded = decoded.filter { !$0.cost.isExact }
      guard let first = rounded.first else { return [] }
      return [
        Note(
          "was quantized (\(first.sourceType)), and is rounded to \(first.targetType); as f32 every value stays what it is",
          of: rounded.map(\.name))
      ]
    }
    return [
      Note(
        "was quantized (\(first.sourceType)), and is stored as \(first.targetType), since a GGUF has no form that holds it "
          + "exactly; quantize it to a type such as q4_k_m to have it small", of: decoded.map(\.name))
    ]
  }

  private static func notes(ofQuantizedAgain tensors: [PlannedTensor]) -> [Note] {
    let again = tensors.filter(\.isQuantizedAgain)
    guard !again.isEmpty else { return [] }
    let types = Set(again.map(\.sourceType)).sorted().joined(separator: ", ")
    return [
      Note(
        "quantized already (\(types)), so the losses add up; quantize the unquantized model where there is one",
        of: again.map(\.name))
    ]
  }

  /// What was asked for and changes nothing, for want of such tensors.
  private static func notes(ofUnused recipe: Recipe, _ choices: [TypeChoice], _ tensors: [PlannedTensor]) -> [Note] {
    var notes: [Note] = []
    if case .table(let table) = recipe.rule {
      let left = table.missed(
        of: zip(tensors, choices).filter { if case .kept = $1 { true } else { false } }.map(\.0.name)
      )
      .filter { !recipe.kept.contains($0) }
      if !left.isEmpty { notes.append(Note("stays what it is: the recipe does not name it", of: left)) }
    }
    var mix: NamedMix?
    if case .mix(let named) = recipe.rule { mix = named }
    let chosen = choices.compactMap { if case .type(let type) = $0 { type.name } else { nil } }
    if let mix, !chosen.contains(mix.type) {
      let types = Set(tensors.filter { !$0.isElements }.map(\.targetType)).sorted().joined(separator: ", ")
      notes.append(
        "no tensor becomes \(mix.type): the mix \(mix.name) gives it to experts, and this model has none; it is "
          + "stored as \(types)")
    }
    let hasHead = tensors.contains { TensorRole(name: $0.name) == .output }
    // Of a tied embedding a mix asks what the head gets.
    if !hasHead, recipe.leavesOutput || (recipe.outputType != nil && mix == nil) {
      notes.append("what is said of the output matrix changes nothing: it is the token embedding in this model")
    }
    return notes
  }

  /// What a GGUF holds as the result of a sum or a power.
  private static func notes(ofRounded tensors: [PlannedTensor]) -> [Note] {
    let rounded = tensors.filter(\.rows.derivation.isRounded)
    guard !rounded.isEmpty else { return [] }
    return [
      Note(
        "the GGUF holds them with something added or raised to a power, in F32: where that was rounded, the values that come "
          + "back differ from the original in their last digits, and make the same GGUF again", of: rounded.map(\.name))
    ]
  }

  /// What an adapter changes of a quantized model is not quantized again unasked.
  private static func notes(ofMerged tensors: [PlannedTensor]) -> [Note] {
    let merged = tensors.filter { $0.isMerged && $0.isSourceQuantized && $0.isElements }
    let types = Dictionary(grouping: merged) { "\($0.targetType), not as \($0.sourceType)" }
    return types.sorted { $0.key < $1.key }.map { types, tensors in
      Note(
        "merged and stored as \(types) as in the model: what an adapter changes is quantized only where a type is given, and a "
          + "layout where the model has one",
        of: tensors.map(\.name))
    }
  }

  /// What an override could not be applied to.
  /// - Parameter tensors: those that its expression is found in.
  /// - Throws: `FileError` when it could be applied to none of them.
  private static func notes(
    of override: Recipe.Override, on tensors: [PlannedTensor], _ destination: Destination, _ architecture: String
  ) throws(FileError) -> [Note] {
    let says = "the expression '\(override.pattern)' (for \(override.type.name))"
    guard let first = tensors.first else { return [Note("\(says) matches no tensor of the output")] }
    let isElementType = override.type.isElement
    let spared = tensors.filter {
      isElementType
        ? ($0.shape.count < 2 || TensorRole.isWidened($0.name)) && destination.container.widensVectors
          && $0.targetType != override.type.name
        : !TensorRole.isQuantizable(name: $0.name, shape: $0.shape, architecture: architecture)
    }
    guard spared.count < tensors.count else {
      throw FileError(
        .unsupported, path: destination.path, subject: first.name,
        "\(says) is found only in names of "
          + (isElementType
            ? "norms and biases, which are f32 in a GGUF, as llama.cpp needs them"
            : "tensors that are not quantized, such as norms, biases and routers; element types can be given to them"))
    }
    guard isElementType, !spared.isEmpty else { return [] }
    return [
      Note(
        "stays f32, as llama.cpp needs norms and biases, though \(says) is found in the name", of: spared.map(\.name))
    ]
  }

  /// One note for each type that takes the place of another, and why.
  private static func notes(ofSubstitutions tensors: [PlannedTensor], _ recipe: Recipe) -> [Note] {
    var remedy = Remedy.refuseFallback
    if case .linearLayers(let type) = recipe.rule, type.groups != nil { remedy = .chooseGroups }
    var names: [String: [String]] = [:]
    for tensor in tensors {
      guard let reason = tensor.substitution else { continue }
      names["stored as \(tensor.targetType), since \(reason)", default: []].append(tensor.name)
    }
    return names.sorted { $0.key < $1.key }.map { Note($0.key, of: $0.value, remedy: remedy) }
  }

  /// - Throws: `FileError` when the recipe asks for what only a GGUF has.
  private static func check(
    _ recipe: Recipe, for destination: Destination, of checkpoint: Checkpoint
  ) throws(FileError) {
    if case .layout(let key) = recipe.rule { try checkHolds(key, destination) }
    guard !destination.container.tellsEverything else { return }
    for (option, isGiven) in [
      ("leaving layers out", !recipe.prunedLayers.isEmpty), ("setting metadata", !recipe.metadata.isEmpty),
      ("naming the model", recipe.modelName != nil),  // The tokenizer files of a folder go along as they are.
      ("naming a pre-tokenizer", recipe.preTokenizer != nil && checkpoint.folder != nil),
    ] where isGiven {
      throw FileError(
        .unsupported, path: destination.path, "\(option) is for GGUF outputs", remedy: .makeGGUF)
    }
    if case .mix(let mix) = recipe.rule {
      throw FileError(
        .unsupported, path: destination.path, "\(mix.name) stands for types that only a GGUF holds", remedy: .makeGGUF)
    }
  }

  /// What the output holds and how it comes about.
  private static func outputs(
    of checkpoint: Checkpoint, _ writing: Container.Writing, _ recipe: Recipe
  ) throws(FileError) -> [PlannedOutput] {
    func table(_ tensors: [NamedDerivation]) -> [String: Derivation] {
      Dictionary(tensors.map { ($0.name, $0.derivation) }, uniquingKeysWith: { first, _ in first })
    }
    let merged = table(checkpoint.tensors)
    let unmerged = checkpoint.adapters.isEmpty ? merged : table(checkpoint.unmergedTensors)
    let pruning = try recipe.pruning(of: checkpoint)
    var outputs: [PlannedOutput] = []
    var named = try writing.outputs(checkpoint)
    if !writing.tellsEverything, recipe.stacksExperts(of: checkpoint) { named = MLXExperts.stacked(named) }
    for output in named {
      guard let name = pruning.map({ $0.name(for: output.name) }) ?? output.name else { continue }
      let derivation = output.derivation.substituting(merged)
      let source = try derivation.sources.first.map { reference throws(FileError) in
        try checkpoint.inputs.tensor(reference)
      }
      outputs.append(
        PlannedOutput(
          name: name, originalName: output.name, derivation: derivation,
          unmerged: output.derivation.substituting(unmerged),
          rows: try DerivedTensor(derivation, inputs: checkpoint.inputs), source: source,
          needsWideRange: checkpoint.model?.needsWideRange == true,
          isStoredTransposed: !writing.tellsEverything && checkpoint.model?.linearLayer(output.name) == .transposed))
    }
    return outputs
  }
}

extension TensorDescriptor {
  init(planned name: String, encoding: Encoding, shape: [Int], for destination: Destination) throws(FileError) {
    do throws(ShapeError) {
      try self.init(name: name, encoding: encoding, shape: shape)
    } catch {
      throw FileError(.mismatch, path: destination.path, subject: name, error.description)
    }
  }
}
