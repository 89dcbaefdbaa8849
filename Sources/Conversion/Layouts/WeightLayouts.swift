package import Architectures
package import Bytes
package import JSON
internal import Quantization
package import Tensors

/// How quantized weights are spelled, one line each. A layout takes the stored tensors it knows; what none takes is a
/// tensor of its own.
package enum WeightLayouts {
  static let all: [any WeightLayout] = [
    BlockwiseLayout(), LLMInt8Layout(), MXFP4Layout(), MLXLayout(), GPTQLayout(), AWQLayout(),
    CompressedTensorsLayout(),
    FP8Layout(), ModelOptLayout(), HQQLayout(), QuantoLayout(), TorchAOLayout(), ScaledBlocksLayout(),
  ]

  /// Those that write groups.
  static let grouped = all.compactMap { $0 as? any GroupWritingLayout }

  /// Those whose weights become nothing else in a folder unasked.
  static let keeping: [any GroupWritingLayout] = grouped.filter(\.storesTransposed)

  /// The layout of that name on the command line; nil where there is none that writes groups.
  static func writing(_ key: String) -> (any GroupWritingLayout)? { grouped.first { $0.key == key } }

  /// The weights of a file or folder.
  package struct Weights {
    /// In the order of the source.
    package let weights: [any StoredWeight]
    /// How each tensor of a model comes about, under the names of the container.
    package let tensors: [NamedDerivation]
    /// What config.json says of quantized weights that is not read.
    var notes: [Note] = []
  }

  /// The weights of a file or folder.
  /// - Parameters:
  ///   - config: config.json, where there is one.
  ///   - beside: what else is said of the tensors.
  ///   - original: what a tensor was before it was quantized, where the container tells.
  ///   - isTransposed: whether the model has a weight the other way round than quantizers store it.
  ///   - refusesForeign: whether names that show a format that is not read are refused.
  /// - Throws: `FileError` when the parts of a quantized weight do not fit each other, or belong to a format that is not
  ///   read.
  package static func weights(
    of source: any TensorSource, config: JSONValue?, beside: BesideConfig = BesideConfig(),
    original: (String) -> Encoding? = { _ in nil },
    isTransposed: (String) -> Bool = { _ in false }, refusesForeign: Bool = true
  ) throws(FileError) -> Weights {
    if refusesForeign { try QuantizationSection.check(config, path: source.name) }
    let section = QuantizationSection(config, path: source.name)
    if refusesForeign { try section?.refuseUnknownMethod() }
    var taken: Set<String> = []
    var found: [String: FoundWeight] = [:]
    let held = HeldTensors(source)
    for layout in all {
      for weight in try layout.weights(in: held, config: config, beside: beside) {
        if refusesForeign, let section, !layout.methods.contains(section.method) {
          throw LayoutRule.configAndTensors.broken(
            .mismatch, path: source.name, subject: weight.place,
            "is a weight of \(layout.name), but config.json says \(section.says)")
        }
        found[weight.place] = weight
        for name in weight.weight.storedNames where !taken.insert(name).inserted {
          throw LayoutRule.storedOnce.broken(
            .malformed, path: source.name, subject: name,
            "belongs to two weights, one of which is \(weight.weight.name)")
        }
      }
    }
    try refuseSecondForms(of: source.tensors.compactMap { found[$0.name]?.weight }, in: source)
    if refusesForeign {
      try refuseForeign(source, taken: taken, section)
      try section?.requireWeights(found.values.map(\.weight))
    }
    var weights: [any StoredWeight] = []
    var tensors: [NamedDerivation] = []
    weights.reserveCapacity(source.tensors.count - taken.count + found.count)
    tensors.reserveCapacity(weights.capacity)
    for descriptor in source.tensors {
      let weight = found[descriptor.name]
      guard weight != nil || !taken.contains(descriptor.name) else { continue }
      let stored =
        weight?.weight as (any StoredWeight)?
        ?? PlainTensor(descriptor, original: original(descriptor.name), in: source)
      let derivation = Derivation.source(named: stored.name)
      weights.append(stored)
      tensors.append(
        NamedDerivation(
          name: stored.name,
          derivation: weight.map { $0.isTransposed || isTransposed(stored.name) } == true
            ? derivation.applying(Transposition()) : derivation))
    }
    return Weights(weights: weights, tensors: tensors, notes: section.map(notes) ?? [])
  }

  /// Settings that no layout of that method knows.
  private static func notes(on section: QuantizationSection) -> [Note] {
    let layouts = all.filter { $0.methods.contains(section.method) }
    let known = layouts.compactMap(\.settings)
    guard !layouts.isEmpty, known.count == layouts.count else { return [] }
    // MLX's section names modules too, by their paths.
    let strangers = section.members.keys.filter { key in
      section[key] != nil && !known.contains { $0.contains(key) } && section[key]?.object == nil
        && !key.contains(".")
    }
    guard !strangers.isEmpty else { return [] }
    return [
      Note(
        "quantization_config has settings that are not known here, and nothing is made of them: "
          + strangers.sorted().joined(separator: ", "))
    ]
  }

  /// A weight is stored once: not quantized in two ways, and not plain beside it.
  private static func refuseSecondForms(
    of weights: [any LaidOutWeight], in source: any TensorSource
  ) throws(FileError) {
    var names: Set<String> = []
    for weight in weights {
      let isPlainToo = !weight.storedNames.contains(weight.name) && source.descriptor(of: weight.name) != nil
      guard isPlainToo || !names.insert(weight.name).inserted else { continue }
      throw LayoutRule.storedOnce.broken(
        .malformed, path: source.name, subject: weight.name,
        "is stored twice, \(isPlainToo ? "plain and" : "in two ways") quantized (\(weight.storedNames[0]))")
    }
  }

  /// Endings of names that are parts of quantized weights, and of whose.
  private static let partsOfOthers: [(ending: String, format: String)] = [
    (".qweight", "GPTQ or AWQ"), (".qzeros", "GPTQ or AWQ"), (".g_idx", "GPTQ"),
    (".weight_packed", "compressed-tensors"),
    (".weight_shape", "compressed-tensors"), (".weight_global_scale", "compressed-tensors"),
    (".weight_zero_point", "compressed-tensors"), (".weight_scale_2", "modelopt"),
    (".weight_scale", "compressed-tensors, modelopt or FP8"), (".weight_scale_inv", "FP8 with blocks"),
    (".scales", "MLX, GPTQ or AWQ"), (".biases", "MLX"), ("._weight_qdata", "torchao"),
  ]

  /// What codes are stored as.
  private static let codeEncodings: Set<Encoding> = [.i8, .u8, .i32, .u32, .f8E4M3, .f8E5M2]

  private static func refuseForeign(
    _ source: any TensorSource, taken: Set<String>, _ section: QuantizationSection?
  ) throws(FileError) {
    if let state = source.tensors.first(where: { QuantState.isNamed($0.name) && !taken.contains($0.name) }) {
      throw FileError(
        .unsupported, path: source.name, subject: state.name,
        "is the state of a code that is not known; these are: "
          + BlockwiseCode.all.map { "\($0.owner)__\($0.name)" }.joined(separator: ", "))
    }
    try UnreadScheme.refuse(source.tensors.lazy.map(\.name).filter { !taken.contains($0) }, path: source.name)
    let parts = all.flatMap { layout in layout.parts.map { (layout.name, $0.ending, $0.whole) } }
    for descriptor in source.tensors where !taken.contains(descriptor.name) {
      if let section {
        let isOfCodes = descriptor.name.hasSuffix(".weight") && codeEncodings.contains(descriptor.encoding)
        guard !isOfCodes, descriptor.encoding != .f8E8M0 else {
          throw LayoutRule.configAndTensors.broken(
            .missing, path: source.name, subject: descriptor.name,
            "holds \(isOfCodes ? "codes" : "scales") (\(descriptor.encoding.name)), as config.json says (\(section.says)), but "
              + "no \(isOfCodes ? "scales" : "codes") that go with them are there")
        }
      }
      if let (name, _, whole) = parts.first(where: { descriptor.name.hasSuffix($0.1) }) {
        throw LayoutRule.configAndTensors.broken(
          .missing, path: source.name, subject: descriptor.name,
          "is a part of a \(name) weight, but there is no \(whole) that it belongs to")
      }
      guard let known = partsOfOthers.first(where: { descriptor.name.hasSuffix($0.ending) }) else { continue }
      let told =
        section.map { "config.json says \($0.says), by which it makes no weight with what is beside it" }
        ?? "there is no config.json that says how it is to be read"
      throw FileError(
        .unsupported, path: source.name, subject: descriptor.name,
        "is a part of a weight that \(known.format) has quantized, but \(told)")
    }
  }
}
