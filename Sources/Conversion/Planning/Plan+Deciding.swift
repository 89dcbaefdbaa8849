internal import Architectures
internal import Bytes
internal import Quantization
internal import Tensors

extension Plan {
  /// What is done with a weight, before it is known what stored tensors that takes.
  private enum Decision {
    /// Its encoded rows are copied.
    case copyRows(Encoding)
    /// Its stored tensors are copied whole.
    case copyStored(any StoredWeight)
    case encode(TargetType)
    /// A layout writes it from rows that stay encoded.
    case form(WeightForm)
  }

  /// The planned tensor of an output: what becomes of the weight is decided, a layout gives that its stored tensors, and
  /// what else is known of the weight is attached.
  static func planned(
    _ output: PlannedOutput, _ choice: TypeChoice, _ checkpoint: Checkpoint, _ destination: Destination,
    _ recipe: Recipe, _ importance: inout PlannedImportance?
  ) throws(FileError) -> PlannedTensor {
    let isKept = recipe.kept.contains(output.name)
    let wanted = try wantedType(of: output, choice, destination, recipe)
    let decision = try decide(output, wanted.type, isKept: isKept, checkpoint, destination)
    let form = try form(of: output, decision, isKept: isKept, checkpoint, destination, recipe, &importance)
    let isMerged = output.derivation != output.unmerged
    let unmerged = isMerged ? try DerivedTensor(output.unmerged, inputs: checkpoint.inputs) : nil
    // The element type that the weight has outside this output, to be had back from it.
    var elementType = wanted.elementType
    // What an adapter has changed is no longer exact in the type that the model had.
    if isMerged, form.planes.count == 1, form.planes.first?.descriptor.encoding.elementsPerBlock == 1 {
      elementType = form.typeName
    }
    return PlannedTensor(
      name: output.name, shape: form.rows.shape, rows: form.rows, action: form.action, planes: form.planes,
      sourceType: output.source?.typeName ?? "computed", isSourceQuantized: output.source?.isQuantized == true,
      targetType: form.typeName, spelling: form.spelling, substitution: wanted.substitution,
      keepsNonFinite: isKept,
      // How far something moved is not said of a vocabulary of another size.
      unmerged: unmerged?.shape == form.rows.shape ? unmerged : nil, originalType: elementType)
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
    guard case .type(let wanted) = choice else { return (nil, nil, elementType) }
    let isElement = (wanted.codec as? any BlockCodec)?.encoding.elementsPerBlock == 1
    let ownType = isElement ? wanted.name : elementType
    if !isMatrix(output), destination.container.widensVectors { return (nil, nil, ownType) }
    let fitting = try recipe.fitting(wanted, name: output.name, columns: output.rows.columns, path: destination.path)
    // Whole numbers, such as position ids, are not weights: no type is forced on them.
    if output.rows.copiedEncoding?.isInteger == true { return (nil, fitting.substitution, ownType) }
    return (fitting.type, fitting.substitution, ownType)
  }

  private static func decide(
    _ output: PlannedOutput, _ wanted: TargetType?, isKept: Bool, _ checkpoint: Checkpoint, _ destination: Destination
  ) throws(FileError) -> Decision {
    let container = destination.container
    let copied = output.rows.copiedEncoding
    if let wanted {
      if let copied, copied.name == wanted.codec.name, !wanted.codec.blocksCrossRows { return .copyRows(copied) }
      return .encode(wanted)
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
    if let source = output.source, copied == nil, staysInContainer, source is any LaidOutWeight {
      return .copyStored(source)
    }
    for layout in WeightLayouts.all {
      if let form = try layout.form(keeping: output, in: destination) { return .form(form) }
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
    case .form(let form):
      return form
    case .copyRows(let encoding):
      return try form(of: output, .copyRows, encoding, encoding.name, destination)
    case .copyStored(let source):
      return try form(of: output, copying: source, destination)
    case .encode(let type):
      try checkCanBeEncoded(output, type, checkpoint, destination)
      for layout in WeightLayouts.all {
        if let form = try layout.form(of: output, as: type, in: destination) { return form }
      }
      guard let encoding = (type.codec as? any BlockCodec)?.encoding else {
        throw FileError(.unsupported, path: destination.path, "\(type.name) cannot be stored")
      }
      guard destination.container.canHold(encoding) else {
        throw FileError(
          .unsupported, path: destination.path, subject: output.name,
          "\(type.name) is a type that only a GGUF holds; folders take nf4, fp4, int4, int8 and element types",
          remedy: .makeGGUF)
      }
      let encoder = try encoder(of: output, type, isKept: isKept, recipe, &importance)
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
    of output: PlannedOutput, _ type: TargetType, isKept: Bool, _ recipe: Recipe,
    _ importance: inout PlannedImportance?
  ) throws(FileError) -> any TensorEncoder {
    if let codec = type.codec as? any WeightedBlockCodec,
      let weights = try importance?.weights(
        for: (output.name, output.originalName), shape: output.rows.shape, type: type, recipe)
    {
      return WeightedEncoder(codec, type: type, weights: weights)
    }
    return isKept && type.codec is Float32Codec ? NonFiniteEncoder() : PlainEncoder(type: type)
  }

  private static func checkCanBeEncoded(
    _ output: PlannedOutput, _ type: TargetType, _ checkpoint: Checkpoint, _ destination: Destination
  ) throws(FileError) {
    guard type.codec.canEncode else {
      throw FileError(
        .unsupported, path: destination.path, subject: output.name,
        CodecError.notEncodable(type: type.name).description)
    }
    for reference in output.derivation.sources {
      if let refusal = try checkpoint.inputs.tensor(reference).refusalToDecode { throw refusal }
    }
  }
}
