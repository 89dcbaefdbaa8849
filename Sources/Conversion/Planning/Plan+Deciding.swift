internal import Architectures
internal import Bytes
internal import Quantization
internal import Tensors

extension Plan {
  /// What is done with a weight, before it is known what stored tensors that takes.
  enum Decision {
    /// Its encoded rows are copied.
    case copyRows(Encoding)
    /// Its stored tensors are copied whole.
    case copyStored(any StoredWeight)
    case encode(TargetType)
    /// Groups of a layout, from values or from groups that are there.
    case group(any GroupWritingLayout, GroupType, Regrouping?)
    /// Blocks of ggml, from groups that are there.
    case blocks(ExactBlocks)
  }

  /// The planned tensor of an output: what becomes of the weight is decided, a layout gives that its stored tensors, and
  /// what else is known of the weight is attached.
  static func planned(
    _ output: PlannedOutput, _ choice: TypeChoice, _ checkpoint: Checkpoint, _ destination: Destination,
    _ recipe: Recipe, _ importance: inout PlannedImportance?
  ) throws(FileError) -> PlannedTensor {
    let isKept = recipe.kept.contains(output.name)
    let wanted = try wantedType(of: output, choice, destination, recipe)
    let decision = try decide(
      output, choice, wanted.type, isKept: isKept, checkpoint, destination, recipe)
    let form = try form(of: output, decision, isKept: isKept, checkpoint, destination, recipe, &importance)
    let isMerged = output.derivation != output.unmerged
    let unmerged = isMerged ? try DerivedTensor(output.unmerged, inputs: checkpoint.inputs) : nil
    // The element type that the weight has outside this output, to be had back from it.
    var elementType = wanted.elementType
    // What an adapter has changed is no longer exact in the type that the model had.
    if isMerged, form.planes.count == 1, form.planes.first?.descriptor.encoding.elementsPerBlock == 1 {
      elementType = form.typeName
    }
    var planned = PlannedTensor(
      name: output.name, shape: form.rows.shape, rows: form.rows, action: form.action, planes: form.planes,
      sourceType: output.source?.typeName ?? "computed", isSourceQuantized: output.source?.isQuantized == true,
      sourceBits: output.source?.codeBits,
      targetType: form.typeName, spelling: form.spelling, substitution: wanted.substitution,
      keepsNonFinite: isKept,
      // How far something moved is not said of a vocabulary of another size.
      unmerged: unmerged?.shape == form.rows.shape ? unmerged : nil, originalType: elementType)
    planned.isKeptByType = try keepsValues(planned, recipe, checkpoint.inputs)
    return planned
  }

  /// Values that are looked at, of what becomes a narrower element type, where that is only told.
  private static let mostTold = 1 << 16

  /// Element types that have every value of others.
  private static let wider: [String: Set<String>] = [
    "f32": ["f16", "bf16", "f8_e4m3", "f8_e5m2"], "f16": ["f8_e4m3", "f8_e5m2"], "bf16": ["f8_e4m3", "f8_e5m2"],
    "f64": ["f32", "f16", "bf16"],
  ]

  /// Whether an element type has all values of a tensor: as the types tell, or, where it matters, as the values do.
  private static func keepsValues(
    _ planned: PlannedTensor, _ recipe: Recipe, _ inputs: TensorInputs
  ) throws(FileError) -> Bool {
    guard case .encode(let encoder) = planned.action, encoder.type.isElement, planned.rows.derivation.keepsValues
    else { return false }
    var isWider = true
    for reference in planned.rows.derivation.sources {
      let source = try inputs.tensor(reference)
      // What is decoded is decoded to F32.
      let isDecoded = source.isQuantized && encoder.type.name == "f32"
      let type = source.typeName
      isWider = isWider && (isDecoded || type == encoder.type.name || wider[encoder.type.name]?.contains(type) == true)
    }
    if isWider { return true }
    guard recipe.isExactOnly || recipe.isRespelling && planned.elementCount <= mostTold,
      // Numbers beyond a Float are rounded when they are read.
      !["f64", "i32", "u32", "i64", "u64"].contains(planned.sourceType)
    else { return false }
    let step = planned.rows.slabElements(atMost: DerivedTensor.slabElements)
    var scratch: [UInt8] = []
    for start in stride(from: 0, to: planned.elementCount, by: max(1, step)) {
      let elements = start..<min(start + step, planned.elementCount)
      var values = [Float](repeating: 0, count: elements.count)
      var span = values.mutableSpan
      try planned.rows.read(elements: elements, into: &span, scratch: &scratch)
      guard let encoding = encoder.type.encoding, NumberFormat.float(encoding).encode(values) != nil else {
        return false
      }
    }
    return true
  }

  // MARK: - Deciding

  private static func isMatrix(_ output: PlannedOutput) -> Bool {
    output.rows.shape.count > 1 && !TensorRole.isWidened(output.name)
  }

  /// The type that the recipe gives a weight, as far as rows and container allow; none where it stays what it is.
  private static func wantedType(
    of output: PlannedOutput, _ choice: TypeChoice, _ destination: Destination, _ recipe: Recipe
  ) throws(FileError) -> (type: TargetType?, substitution: String?, elementType: String?) {
    let elementType = output.source?.originalEncoding?.name
    if case .type(let wanted) = choice, let groups = wanted.groups {
      return try wantedGroups(of: output, wanted, groups, destination, recipe)
    }
    guard case .type(let wanted) = choice else { return (nil, nil, elementType) }
    let ownType = wanted.isElement ? wanted.name : elementType
    if !isMatrix(output), destination.container.widensVectors { return (nil, nil, ownType) }
    let fitting = try recipe.fitting(wanted, name: output.name, columns: output.rows.columns, path: destination.path)
    // Whole numbers, such as position ids, are not weights: no type is forced on them.
    if output.rows.copiedEncoding?.isInteger == true { return (nil, fitting.substitution, ownType) }
    return (fitting.type, fitting.substitution, ownType)
  }

  private static func decide(
    _ output: PlannedOutput, _ choice: TypeChoice, _ wanted: TargetType?, isKept: Bool, _ checkpoint: Checkpoint,
    _ destination: Destination, _ recipe: Recipe
  ) throws(FileError) -> Decision {
    let container = destination.container
    let copied = output.rows.copiedEncoding
    if let wanted {
      if let groups = wanted.groups, let layout = WeightLayouts.writing(groups.layout) {
        return try decide(output, groups, layout, checkpoint)
      }
      if let copied, let codec = wanted.codec, copied.name == codec.name, !codec.blocksCrossRows {
        return .copyRows(copied)
      }
      if copied?.name != wanted.name, container.tellsEverything,
        let blocks = try exactBlocks(for: output.rows, named: output.name, checkpoint.inputs),
        blocks.encoding.name == wanted.name
      {
        return .blocks(blocks)
      }
      return .encode(wanted)
    }
    if case .layout(let key, let like) = choice, let layout = WeightLayouts.writing(key), !isKept {
      if let decision = try decide(output, in: layout, like: like, recipe, checkpoint) { return decision }
    }
    if !isKept, let narrow = typeBeforeWidening(output, copied, destination) {
      return .encode(TargetType(codec: narrow))
    }
    let staysInContainer = output.isSourceItself && container == checkpoint.container
    if let source = output.source, let copied, output.rows.columns % copied.elementsPerBlock != 0, staysInContainer {
      // Rows of elements narrower than a byte may begin inside one.
      return .copyStored(source)
    }
    // llama.cpp computes with neither in a model.
    if let copied, copied == .f64 || copied.isInteger, container.tellsEverything, !staysInContainer,
      checkpoint.model != nil
    {
      guard copied == .f64 else {
        throw FileError(
          .unsupported, path: checkpoint.path, subject: output.source?.name ?? output.name,
          "holds whole numbers (\(copied.name)), but a weight of \(checkpoint.model?.className ?? "a model") is a floating-point one"
        )
      }
      return .encode(TargetType(codec: Float32Codec()))
    }
    if let copied, container.holds(copied, asMatrix: isMatrix(output)) { return .copyRows(copied) }
    if let source = output.source as? any LaidOutWeight, staysInContainer, isSpelled(source, recipe, checkpoint) {
      return .copyStored(source)
    }
    if container.tellsEverything, isMatrix(output),
      let blocks = try exactBlocks(for: output.rows, named: output.name, checkpoint.inputs)
    {
      return .blocks(blocks)
    }
    for layout in WeightLayouts.keeping
    where !container.canHold(.mxfp4) && (recipe.layout == nil || recipe.layout?.name == layout.name) {
      if let decision = try decide(output, keptBy: layout, checkpoint) { return decision }
    }
    if isKept { return .encode(TargetType(codec: Float32Codec())) }
    let codec = container.elementCodec(
      for: output.source, asMatrix: isMatrix(output), inWideRange: output.needsWideRange)
    return .encode(TargetType(codec: codec))
  }

  /// The codec of what a vector was before a container widened it to F32, for containers that do not.
  private static func typeBeforeWidening(
    _ output: PlannedOutput, _ copied: Encoding?, _ destination: Destination
  ) -> (any Codec)? {
    guard let source = output.source, let original = source.originalEncoding, let copied, copied != original,
      output.rows.shape.count < 2 || TensorRole.isWidened(source.name), copied == .f32,
      !destination.container.widensVectors
    else { return nil }
    return Catalog.codec(for: original)
  }

  // MARK: - Forming

  private static func form(
    of output: PlannedOutput, _ decision: Decision, isKept: Bool, _ checkpoint: Checkpoint, _ destination: Destination,
    _ recipe: Recipe, _ importance: inout PlannedImportance?
  ) throws(FileError) -> WeightForm {
    switch decision {
    case .group(let layout, let type, let regrouping):
      return try grouped(output, as: type, by: layout, regrouping, checkpoint, destination)
    case .blocks(let blocks):
      return try form(of: output, blocks, destination)
    case .copyRows(let encoding):
      return try form(of: output, .copyRows, encoding, encoding.name, destination)
    case .copyStored(let source):
      return try form(of: output, copying: source, destination)
    case .encode(let type):
      try checkCanBeEncoded(output, type, checkpoint, destination)
      for layout in WeightLayouts.all {
        if let form = try layout.form(of: output, as: type, in: destination) { return form }
      }
      guard let codec = type.codec, let encoding = type.encoding else {
        throw FileError(.unsupported, path: destination.path, "\(type.name) cannot be stored")
      }
      guard destination.container.canHold(encoding) else {
        throw FileError(
          .unsupported, path: destination.path, subject: output.name,
          "\(type.name) is a type that only a GGUF holds; folders take nf4, fp4, int4, int8 and element types",
          remedy: .makeGGUF)
      }
      let encoder = try encoder(of: output, type, codec, isKept: isKept, recipe, &importance)
      return try form(of: output, .encode(encoder), encoding, type.name, destination)
    }
  }

  /// One stored tensor, under the output's own name.
  private static func form(
    of output: PlannedOutput, _ action: PlannedTensor.Action, _ encoding: Encoding, _ typeName: String,
    _ destination: Destination
  ) throws(FileError) -> WeightForm {
    let descriptor = try TensorDescriptor(
      planned: output.name, encoding: encoding, shape: output.rows.shape, for: destination)
    return WeightForm(
      action: action, planes: [PlannedPlane(descriptor: descriptor, content: .plane(0))], typeName: typeName,
      rows: output.rows)
  }

  /// The same of blocks, with a tensor of what they are multiplied with beside them.
  private static func form(
    of output: PlannedOutput, _ blocks: ExactBlocks, _ destination: Destination
  ) throws(FileError) -> WeightForm {
    let whole = try form(of: output, .group(blocks.output), blocks.encoding, blocks.encoding.name, destination)
    guard !blocks.factors.isEmpty, let name = ScaledBlocksLayout.scaleName(of: output.name) else { return whole }
    let scale = try TensorDescriptor(planned: name, encoding: .f32, shape: [blocks.factors.count], for: destination)
    return WeightForm(
      action: whole.action,
      planes: whole.planes + [PlannedPlane(descriptor: scale, content: .constant(blocks.factors.littleEndianBytes))],
      typeName: whole.typeName, rows: whole.rows, spelling: Spelling(layout: ScaledBlocksLayout(), type: nil))
  }

  /// The stored tensors of the source under the output's name.
  private static func form(
    of output: PlannedOutput, copying source: any StoredWeight, _ destination: Destination
  ) throws(FileError) -> WeightForm {
    var planes: [PlannedPlane] = []
    for name in source.storedNames {
      guard let stored = source.source.descriptor(of: name) else { continue }
      let descriptor = try TensorDescriptor(
        planned: source.storedName(name, under: output.name), encoding: stored.encoding, shape: stored.shape,
        for: destination)
      planes.append(PlannedPlane(descriptor: descriptor, content: .stored(name)))
    }
    return WeightForm(
      action: .copyStored(source.source), planes: planes, typeName: source.typeName, rows: output.rows,
      spelling: (source as? any LaidOutWeight).map { Spelling(layout: $0.layout, type: $0.type) })
  }

  /// What encodes a weight, with what the importance matrix says of it.
  private static func encoder(
    of output: PlannedOutput, _ type: TargetType, _ codec: any Codec, isKept: Bool, _ recipe: Recipe,
    _ importance: inout PlannedImportance?
  ) throws(FileError) -> any TensorEncoder {
    if let codec = codec as? any WeightedBlockCodec,
      let weights = try importance?.weights(
        for: (output.name, output.originalName), shape: output.rows.shape, type: type, recipe)
    {
      return WeightedEncoder(codec, type: type, weights: weights)
    }
    return isKept && codec is Float32Codec ? NonFiniteEncoder() : PlainEncoder(codec, type: type)
  }

  private static func checkCanBeEncoded(
    _ output: PlannedOutput, _ type: TargetType, _ checkpoint: Checkpoint, _ destination: Destination
  ) throws(FileError) {
    guard type.canEncode else {
      throw FileError(
        .unsupported, path: destination.path, subject: output.name,
        CodecError.notEncodable(type: type.name).description)
    }
    for reference in output.derivation.sources {
      if let refusal = try checkpoint.inputs.tensor(reference).refusalToDecode { throw refusal }
    }
  }
}
