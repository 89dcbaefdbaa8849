internal import Architectures
internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

// Weights that become groups in the spelling of a layout.

extension Plan {
  /// The groups that a recipe asks for, where the weight fits them; none, and why, where it does not.
  static func wantedGroups(
    of output: PlannedOutput, _ wanted: TargetType, _ groups: GroupType, _ destination: Destination, _ recipe: Recipe
  ) throws(FileError) -> (type: TargetType?, substitution: String?, elementType: String?) {
    let elementType = output.source?.originalEncoding?.name
    guard let reason = unfitness(of: output, for: groups) else { return (wanted, nil, elementType) }
    guard !recipe.refusesFallback else {
      throw FileError(
        .mismatch, path: destination.path, subject: output.name, reason + "; it would stay unquantized",
        remedy: .allowFallback)
    }
    return (nil, reason, elementType)
  }

  /// Why a weight cannot become such groups; nil where it can.
  private static func unfitness(of output: PlannedOutput, for type: GroupType) -> String? {
    guard let layout = WeightLayouts.writing(type.layout) else { return "there is no layout \(type.layout)" }
    if output.isStoredTransposed { return "its model stores it the other way round than \(layout.key) quantizes it" }
    return layout.unfitness(of: type, name: output.name, shape: output.rows.shape)
  }

  /// Whether a weight that stays what it is keeps its spelling: beside weights that are spelled another way it could not be
  /// read.
  static func isSpelled(_ source: any LaidOutWeight, _ recipe: Recipe, _ checkpoint: Checkpoint) -> Bool {
    guard let layout = recipe.layout else { return true }
    guard source.layout.name == layout.name else { return false }
    let method = QuantizationSection(checkpoint.config, path: checkpoint.path)?.method
    return method.map((layout as? any GroupWritingLayout)?.writtenMethods.contains ?? { _ in true }) ?? true
  }

  /// Groups of a type: from groups that are there where that is exact.
  static func decide(
    _ output: PlannedOutput, _ type: GroupType, _ layout: any GroupWritingLayout, _ checkpoint: Checkpoint
  ) throws(FileError) -> Decision {
    .group(layout, type, try regrouping(of: output, as: type, layout, checkpoint))
  }

  /// What becomes of a weight that is to be spelled as a layout does: nil where it stays as it is.
  static func decide(
    _ output: PlannedOutput, in layout: any GroupWritingLayout, like: TargetType?, _ recipe: Recipe,
    _ checkpoint: Checkpoint
  ) throws(FileError) -> Decision? {
    guard let source = output.source, source.isQuantized else { return nil }
    if let laidOut = source as? any LaidOutWeight, isSpelled(laidOut, recipe, checkpoint) { return nil }
    let form = source.storedForm(ofMatrix: output.derivation.matrix)
    if let form {
      for type in layout.types(holding: form) where unfitness(of: output, for: type) == nil {
        if let like, layout.common(TargetType(groups: type)) != layout.common(like) { continue }
        if let found = try regrouping(of: output, as: type, layout, checkpoint) {
          return .group(layout, type, found)
        }
      }
    }
    var nearest = layout.types(ofBits: source.codeBits ?? 8, form: form)
    if let like {
      nearest.removeAll { layout.common($0) != layout.common(like) }
      nearest.append(like)
    }
    let type = nearest.first { $0.groups.map { unfitness(of: output, for: $0) == nil } ?? true }
    guard let type else { return nil }
    return type.groups.map { .group(layout, $0, nil) } ?? .encode(type)
  }

  /// The experts of gpt-oss stay what they are in a folder.
  static func decide(
    _ output: PlannedOutput, keptBy layout: any GroupWritingLayout, _ checkpoint: Checkpoint
  ) throws(FileError) -> Decision? {
    guard let type = layout.types.first, layout.unfitness(of: type, name: output.name, shape: output.rows.shape) == nil,
      let found = try regrouping(
        try rows(of: output, in: layout), as: layout.target(type, element: .bf16), checkpoint.inputs)
    else { return nil }
    return .group(layout, type, found)
  }

  /// The rows as a layout stores them.
  private static func rows(of output: PlannedOutput, in layout: any GroupWritingLayout) throws(FileError)
    -> DerivedTensor
  {
    layout.storesTransposed ? try output.rows.applying(Transposition()) : output.rows
  }

  /// The groups of a weight in the spelling of a layout, with scales of the first type that keeps them.
  private static func regrouping(
    of output: PlannedOutput, as type: GroupType, _ layout: any GroupWritingLayout, _ checkpoint: Checkpoint
  ) throws(FileError) -> Regrouping? {
    let rows = try rows(of: output, in: layout)
    guard let form = output.source?.storedForm(ofMatrix: output.derivation.matrix),
      let kept = layout.factor(keeping: form.factor, type),
      rows.copiedEncoding != nil
    else { return nil }
    var elements = layout.scaleElements
    if case .float(let own) = form.scales, let place = elements.firstIndex(of: own) {
      elements.insert(elements.remove(at: place), at: 0)
    }
    for element in elements.isEmpty ? [.f32] : elements {
      var target = layout.target(type, element: element)
      target.factor = kept.isExact ? kept.factor : form.factor
      if layout.holdsOrder { target.order = form.order }
      if var found = try regrouping(rows, as: target, checkpoint.inputs) {
        if !kept.isExact { found.roundedFactor = kept.factor }
        return found
      }
    }
    return nil
  }

  // MARK: - Forming

  /// The stored tensors of a weight that becomes groups.
  static func grouped(
    _ output: PlannedOutput, as type: GroupType, by layout: any GroupWritingLayout, _ regrouping: Regrouping?,
    _ checkpoint: Checkpoint, _ destination: Destination
  ) throws(FileError) -> WeightForm {
    let rows: DerivedTensor
    if let regrouping { rows = regrouping.rows } else { rows = try Self.rows(of: output, in: layout) }
    for reference in output.derivation.sources {
      if let refusal = try checkpoint.inputs.tensor(reference).refusalToDecode { throw refusal }
    }
    let element = destination.container.elementCodec(
      for: output.source, asMatrix: true, inWideRange: output.needsWideRange)
    let rounding = layout.rounding(type, ElementRounding(element))
    let encoding = (element as? any BlockCodec)?.encoding ?? .bf16
    let target = regrouping?.conversion.target ?? layout.target(type, element: encoding)
    var planes: [any GroupPlane] = []
    var stored: [PlannedPlane] = []
    for part in layout.parts(type, target, shape: rows.shape) {
      let content: PlannedPlane.Content
      switch part.content {
      case .groups(let plane):
        content = .plane(planes.count)
        planes.append(plane)
      case .constant(let bytes): content = .constant(bytes)
      case .factor: content = .tail(0)
      }
      stored.append(
        PlannedPlane(
          descriptor: try TensorDescriptor(
            planned: layout.storedName(of: output.name, part.ending), encoding: part.encoding, shape: part.shape,
            for: destination), content: content))
    }
    let kept = regrouping.map { $0.roundedFactor ?? $0.conversion.target.factor }
    return WeightForm(
      action: .group(
        GroupedOutput(
          origin: regrouping.map { .groups($0.blocks, $0.conversion) } ?? .values(rounding), planes: planes,
          levels: target.levels, offset: target.offset, extent: target.extent,
          factor: { kept ?? layout.factor(rounding, magnitude: $0) }, magnitudeOwner: layout.sharing(output.name, type),
          isRounded: regrouping?.roundedFactor != nil)
      ),
      planes: stored, typeName: type.name, rows: rows,
      spelling: Spelling(layout: layout, type: TargetType(groups: type)))
  }

  /// - Throws: `FileError` where an output cannot say of weights what they are.
  static func checkHolds(_ layout: String, _ destination: Destination) throws(FileError) {
    if destination.container.tellsEverything {
      throw FileError(
        .unsupported, path: destination.path,
        "weights cannot be spelled as \(layout) does in a GGUF, which has types of its own; make the output a folder")
    }
    guard !destination.isFile || WeightLayouts.writing(layout)?.needsConfig == false else {
      throw FileError(
        .unsupported, path: destination.path,
        "a single file has no config.json, without which weights of \(layout) cannot be read; make the output a folder")
    }
  }

  /// The type that others have to be like, and the weights that are not: where config.json says something once, and weights
  /// differ in it, those that most values are in decide.
  static func unlike(
    _ tensors: [PlannedTensor], _ layout: any GroupWritingLayout
  ) -> (like: TargetType, numbers: [Int])? {
    let own = tensors.indices.compactMap { number in
      tensors[number].type(in: layout).map { (number: number, type: $0, common: layout.common($0)) }
    }
    var counts: [String: Int] = [:]
    for (number, _, common) in own {
      // What is exact is not given up for what is not.
      counts[common, default: 0] += tensors[number].elementCount * (tensors[number].cost.isExact ? 2 : 1)
    }
    guard counts.count > 1, let most = counts.max(by: { ($0.value, $1.key) < ($1.value, $0.key) })?.key,
      let like = own.first(where: { $0.common == most })?.type
    else { return nil }
    return (like, own.filter { $0.common != most }.map(\.number))
  }

  // MARK: - Checking

  /// - Throws: `FileError` where a layout cannot have all of its weights in one folder, or is for another container.
  static func checkLayouts(of tensors: [PlannedTensor], _ destination: Destination) throws(FileError) {
    for layout in WeightLayouts.grouped {
      // What is only copied is where it was.
      guard let first = tensors.grouped(by: layout).first(where: { !$0.tensor.isCopiedWhole }) else { continue }
      try checkHolds(layout.key, destination)
      // What is copied is in no list that is written.
      if let copied = tensors.first(where: { $0.spelling?.layout.name == layout.name && $0.spelling?.type == nil }) {
        throw FileError(
          .unsupported, path: destination.path, subject: copied.name,
          "would stay the \(copied.targetType) of \(layout.key) that it is, beside \(first.tensor.name), which becomes "
            + "\(first.type.text); take the groups that the model has for all, or give it a type too",
          remedy: .chooseGroups)
      }
      let commons = Set(tensors.compactMap { $0.type(in: layout) }.map { layout.common($0) }).sorted()
      guard commons.count > 1 else { continue }
      throw FileError(
        .unsupported, path: destination.path,
        "\(commons.joined(separator: " and ")) cannot stand in one folder of \(layout.key); choose one type for all")
    }
  }

  /// - Throws: `FileError` where a layout was asked for and no weight fits it.
  static func requireGroups(
    _ tensors: [PlannedTensor], _ type: TargetType, _ destination: Destination
  ) throws(FileError) {
    guard let groups = type.groups, let layout = WeightLayouts.writing(groups.layout),
      !tensors.contains(where: { $0.spelling?.layout.name == layout.name })
    else { return }
    let left = tensors.first { $0.substitution != nil }
    throw FileError(
      .unsupported, path: destination.path, subject: left?.name,
      (left?.substitution.map { "no weight becomes \(type.name) of \(layout.key): \($0)" })
        ?? "no weight of the model is one that \(layout.key) quantizes"
        + (layout.storesTransposed ? ", which is for the experts of gpt-oss" : ""),
      remedy: left == nil ? nil : .chooseGroups)
  }

  /// - Throws: `FileError` where values of weights would change.
  static func refuseInexact(_ tensors: [PlannedTensor], _ destination: Destination) throws(FileError) {
    let inexact = tensors.filter { !$0.cost.isExact }
    guard let first = inexact.first else { return }
    let others = inexact.count > 1 ? ", as would be \(inexact.count - 1) more," : ""
    throw FileError(
      .unsupported, path: destination.path, subject: first.name,
      "would be \(first.cost) on the way from \(first.sourceType) to \(first.targetType)\(others) "
        + "but only what is exact was asked for")
  }

  /// Weights whose groups are not runs of columns, in a layout that has lists of groups.
  static func notes(ofLists tensors: [PlannedTensor]) -> [Note] {
    let listed = tensors.filter { tensor in
      tensor.planes.contains { $0.descriptor.name.hasSuffix(CompressedTensorsLayout.orderEnding) }
        && !tensor.isCopiedWhole
    }
    guard !listed.isEmpty else { return [] }
    return [
      Note(
        "is in act-order (actorder \"group\"), which compressed-tensors reads up to version 0.18 and no longer from 0.19 on",
        of: listed.map(\.name))
    ]
  }

  /// What became of weights that were to be spelled another way.
  static func notes(
    ofSpelled tensors: [PlannedTensor], as key: String, _ checkpoint: Checkpoint
  ) throws(FileError) -> [Note] {
    let quantized = tensors.filter(\.isSourceQuantized)
    guard let first = quantized.first else {
      throw FileError(
        .unsupported, path: checkpoint.path,
        "holds no quantized weight that \(key) could spell; quantize it to a type of \(key) instead")
    }
    let name = WeightLayouts.writing(key)?.name
    let isAnySpelled = quantized.contains { $0.spelling?.layout.name == name }
    guard isAnySpelled || !quantized.allSatisfy(\.isMerged) else {
      throw FileError(
        .unsupported, path: checkpoint.path, subject: first.name,
        "and every other quantized weight is changed by an adapter, so that there is none that \(key) could spell; "
          + "quantize the merged model to a type of \(key)")
    }
    guard isAnySpelled else {
      throw FileError(
        .unsupported, path: checkpoint.path, subject: first.name,
        "is \(first.sourceType), which \(key) has no form for, and there is no other weight that it could spell; quantize the "
          + "model to a type of \(key)")
    }
    let decoded = quantized.filter { $0.spelling == nil && !$0.isMerged }
    guard !decoded.isEmpty else { return [] }
    return [Note("is stored unquantized, since \(key) has no form for it", of: decoded.map(\.name))]
  }
}

extension ElementRounding {
  /// That of an element type.
  init(_ codec: any Codec) {
    self =
      switch codec {
      case is Float16Codec: .f16
      case is BFloat16Codec: .bf16
      default: .f32
      }
  }
}

extension PlannedTensor {
  /// The type that it has in the spelling of a layout; nil where it is spelled otherwise, or only copied.
  fileprivate func type(in layout: any GroupWritingLayout) -> TargetType? {
    spelling?.layout.name == layout.name ? spelling?.type : nil
  }
}

extension GroupWritingLayout {
  /// What all weights of a folder have to have in common.
  fileprivate func common(_ type: TargetType) -> String { type.groups.map { common($0) } ?? type.name }
}
