internal import Bytes

extension Decoder {
  /// The operations that compute this decoder.
  /// - Throws: `FileError` for what is not understood, or sizes that cannot be run.
  func forwardPass(_ table: TensorTable, path: String) throws(FileError) -> ForwardPass {
    try check(path)
    var builder = ForwardPassBuilder(decoder: self, table: table, path: path)
    return try builder.build()
  }

  /// - Throws: `FileError` when a size makes no sense.
  private func check(_ path: String) throws(FileError) {
    func check(_ what: String, _ size: Int, most: Int = 1 << 24) throws(FileError) {
      guard size < 1 || size > most else { return }
      throw FileError(.malformed, path: path, "\(what) is \(size); between 1 and \(most) is expected")
    }
    try check("the hidden size", hiddenSize)
    try check("the vocabulary size", vocabularySize)
    try check("the number of layers", layerCount)
    for layer in layerKinds {
      let (attention, feedForward) = (layer.attention, layer.feedForward)
      try check("the feed-forward size", feedForward.size)
      try check("the number of heads", attention.headCount)
      try check("the number of key-value heads", attention.keyHeadCount)
      try check("the head dimension", attention.headDimension)
      guard attention.headCount % attention.keyHeadCount == 0 else {
        throw FileError(
          .malformed, path: path,
          "\(attention.headCount) heads cannot share \(attention.keyHeadCount) key-value heads evenly")
      }
      guard attention.queryWidth <= 1 << 24 else {
        throw FileError(
          .malformed, path: path,
          "\(attention.headCount) heads of \(attention.headDimension) are more than can be run")
      }
      if let window = attention.window, window < 1 {
        throw FileError(.malformed, path: path, "the sliding window is \(window); at least 1 is expected")
      }
      if let experts = feedForward.experts {
        try check("the number of experts", experts.count)
        try check("the number of experts of a token", experts.usedCount, most: experts.count)
      }
      if let rotation = attention.rotation { try checkRotation(rotation, attention.headDimension, path) }
    }
  }

  private func checkRotation(_ rotation: Attention.Rotation, _ headDimension: Int, _ path: String) throws(FileError) {
    try rotation.embedding.checkUnderstood()
    guard rotation.dimension % 2 == 0, rotation.dimension <= headDimension else {
      throw FileError(
        .malformed, path: path,
        "the head dimension is \(rotation.dimension), but rotary embedding turns pairs of elements")
    }
    guard rotation.embedding.attentionFactor.isFinite else {
      throw FileError(.malformed, path: path, "rotary embedding has an attention factor that is not finite")
    }
    for length in [1, 1 << 31] {
      let frequencies = rotation.embedding.frequencies(dimension: rotation.dimension, length: length)
      guard frequencies.count == rotation.dimension / 2, frequencies.allSatisfy(\.isFinite) else {
        throw FileError(
          .malformed, path: path,
          """
          rotary embedding has \(frequencies.count) frequencies, some perhaps infinite; heads of \
          \(rotation.dimension) need \(rotation.dimension / 2) finite ones
          """)
      }
    }
  }
}

/// Puts the operations of a decoder together.
private struct ForwardPassBuilder {
  let decoder: Decoder
  let table: TensorTable
  let path: String
  var operations: [ForwardPass.Operation] = []
  var layers: [Range<Int>] = []
  var widths: [ForwardPass.Register: Int] = [:]

  init(decoder: Decoder, table: TensorTable, path: String) {
    self.decoder = decoder
    self.table = table
    self.path = path
  }

  mutating func build() throws(FileError) -> ForwardPass {
    widths[.stream] = decoder.hiddenSize
    let embedding = try weight(.tokenEmbedding)
    if let size = decoder.embeddingSize {
      need(.branch, max(size, decoder.hiddenSize))
      operations.append(.embed(embedding, scale: decoder.embeddingScale, to: .branch))
      operations.append(
        .project([(ForwardPass.Linear(try weight(.embeddingProjection)), .stream)], from: .branch, isAdded: false))
    } else {
      operations.append(.embed(embedding, scale: decoder.embeddingScale, to: .stream))
    }
    if let positions = decoder.positions {
      operations.append(.addPositions(try weight(.positionEmbedding), offset: positions.offset))
    }
    if let norm = try normalization(.embeddingNorm, decoder.embeddingNorm) {
      operations.append(.normalize(norm, from: .stream, to: .stream))
    }
    for layer in 0..<decoder.layerCount {
      let first = operations.count
      try add(decoder.layer(layer), layer)
      layers.append(first..<operations.count)
    }
    // As transformers does, a tied model is run with its embedding even where a head is stored beside it.
    let head = decoder.tiesHead ? embedding : try weight(.head)
    return ForwardPass(
      hiddenSize: decoder.hiddenSize, vocabularySize: decoder.vocabularySize, operations: operations,
      layers: layers, finalNorm: try normalization(.finalNorm, decoder.finalNorm),
      finalProjection: decoder.embeddingSize == nil ? nil : ForwardPass.Linear(try weight(.headProjection)),
      head: ForwardPass.Linear(head, bias: optionalWeight(ModuleTensor(.head, .bias), nil)),
      hasOwnHead: !decoder.tiesHead, logitScale: decoder.logitScale, logitSoftCap: decoder.logitSoftCap,
      widths: widths)
  }

  // MARK: Layers

  private mutating func add(_ layer: DecoderLayer, _ number: Int) throws(FileError) {
    if case .normLast = layer.residual {
      try attend(layer, number, from: .stream)
      _ = try normalized(.attentionNorm, layer.attentionNorm, number, to: .stream)
      try feedForward(layer, number, from: .stream)
      _ = try normalized(.feedForwardNorm, layer.feedForwardNorm, number, to: .stream)
      return
    }
    let isOfStream = layer.residual == .normOfStream
    let attentionInput = try normalized(
      .attentionNorm, layer.attentionNorm, number, to: isOfStream ? .stream : .normalized)
    switch layer.residual {
    case .normLast, .normOfStream:
      try attend(layer, number, from: attentionInput)
      let input = try normalized(.feedForwardNorm, layer.feedForwardNorm, number, to: .stream)
      try feedForward(layer, number, from: input)
    case .sequential:
      try attend(layer, number, from: attentionInput)
      let input = try normalized(.feedForwardNorm, layer.feedForwardNorm, number, to: .normalized)
      try feedForward(layer, number, from: input)
    case .parallel(let sharesNorm):
      let input =
        sharesNorm
        ? attentionInput : try normalized(.feedForwardNorm, layer.feedForwardNorm, number, to: .normalizedAgain)
      // Neither may see what the other adds.
      let isSafe = input != .stream
      try attend(layer, number, from: attentionInput, isHeldBack: !isSafe)
      try feedForward(layer, number, from: input)
      if !isSafe { operations.append(.add(.branch, to: .stream, scale: layer.residualScale)) }
    }
  }

  /// The register that a norm of the stream is in; the stream itself where there is no norm.
  private mutating func normalized(
    _ role: ModuleRole, _ norm: Norm?, _ layer: Int, to register: ForwardPass.Register
  ) throws(FileError) -> ForwardPass.Register {
    guard let normalization = try normalization(role, norm, layer) else { return .stream }
    widths[register] = decoder.hiddenSize
    operations.append(.normalize(normalization, from: .stream, to: register))
    return register
  }

  private mutating func attend(
    _ layer: DecoderLayer, _ number: Int, from input: ForwardPass.Register, isHeldBack: Bool = false
  ) throws(FileError) {
    let attention = layer.attention
    need(.queries, attention.queryWidth)
    need(.keys, attention.keyWidth)
    need(.values, attention.keyWidth)
    need(.mixed, attention.queryWidth)
    operations.append(
      .project(
        [
          (try linear(.query, number), .queries), (try linear(.key, number), .keys),
          (try linear(.value, number), .values),
        ], from: input, isAdded: false))
    var norms: (query: ForwardPass.Normalization?, key: ForwardPass.Normalization?) = (nil, nil)
    if let headNorms = attention.headNorms {
      let isWhole = headNorms.extent == .width
      norms = (
        try normalization(.queryNorm, headNorms.norm, number, heads: isWhole ? 1 : attention.headCount),
        try normalization(.keyNorm, headNorms.norm, number, heads: isWhole ? 1 : attention.keyHeadCount)
      )
      if !headNorms.followsRotation {
        if let norm = norms.query { operations.append(.normalize(norm, from: .queries, to: .queries)) }
        if let norm = norms.key { operations.append(.normalize(norm, from: .keys, to: .keys)) }
        norms = (nil, nil)
      }
    }
    if let limit = attention.clamp {
      for register in [ForwardPass.Register.queries, .keys, .values] { operations.append(.clamp(register, limit)) }
    }
    operations.append(
      .attend(
        attention, sinks: attention.hasSinks ? try weight(.sinks, number) : nil, queryNorm: norms.query,
        keyNorm: norms.key))
    try addOutput(
      try linear(.attentionOutput, number), from: .mixed, layer, .attentionPostNorm, layer.attentionPostNorm, number,
      isHeldBack: isHeldBack)
  }

  private mutating func feedForward(
    _ layer: DecoderLayer, _ number: Int, from input: ForwardPass.Register
  ) throws(FileError) {
    let feedForward = layer.feedForward
    guard let experts = feedForward.experts else {
      need(.inner, feedForward.size)
      let up = try linear(.up, number)
      if feedForward.isGated {
        operations.append(
          .gate(gate: try linear(.gate, number), up: up, feedForward.activation, from: input, to: .inner))
      } else {
        operations.append(.project([(up, .inner)], from: input, isAdded: false))
        operations.append(.activate(feedForward.activation, .inner))
      }
      return try addOutput(
        try linear(.down, number), from: .inner, layer, .feedForwardPostNorm, layer.feedForwardPostNorm, number)
    }
    need(.branch, decoder.hiddenSize)
    need(.routes, experts.count)
    operations.append(.project([(try linear(.router, number), .routes)], from: input, isAdded: false))
    operations.append(
      .mix(
        ForwardPass.Mixture(
          experts: experts, activation: feedForward.activation, size: feedForward.size,
          gate: feedForward.isGated ? try linear(.expertGate, number) : nil, up: try linear(.expertUp, number),
          down: try linear(.expertDown, number)), from: input, to: .branch))
    if let size = experts.sharedSize {
      need(.inner, size)
      operations.append(
        .gate(
          gate: try linear(.sharedGate, number), up: try linear(.sharedUp, number), feedForward.activation,
          from: input, to: .inner))
      guard experts.isSharedGated else {
        operations.append(.project([(try linear(.sharedDown, number), .branch)], from: .inner, isAdded: true))
        return try addBranch(layer, .feedForwardPostNorm, layer.feedForwardPostNorm, number)
      }
      need(.shared, decoder.hiddenSize)
      operations.append(.project([(try linear(.sharedDown, number), .shared)], from: .inner, isAdded: false))
      operations.append(.scaleByGate(try linear(.sharedRouter, number), from: input, of: .shared))
      operations.append(.add(.shared, to: .branch, scale: 1))
    }
    try addBranch(layer, .feedForwardPostNorm, layer.feedForwardPostNorm, number)
  }

  /// Adds what a linear layer gives to the stream, by way of the branch where more is done with it.
  private mutating func addOutput(
    _ linear: ForwardPass.Linear, from register: ForwardPass.Register, _ layer: DecoderLayer, _ role: ModuleRole,
    _ norm: Norm?, _ number: Int, isHeldBack: Bool = false
  ) throws(FileError) {
    if norm == nil, layer.residualScale == 1, !isHeldBack {
      operations.append(.project([(linear, .stream)], from: register, isAdded: true))
      return
    }
    need(.branch, decoder.hiddenSize)
    operations.append(.project([(linear, .branch)], from: register, isAdded: false))
    if !isHeldBack { try addBranch(layer, role, norm, number) }
  }

  private mutating func addBranch(
    _ layer: DecoderLayer, _ role: ModuleRole, _ norm: Norm?, _ number: Int
  ) throws(FileError) {
    if let normalization = try normalization(role, norm, number) {
      operations.append(.normalize(normalization, from: .branch, to: .branch))
    }
    operations.append(.add(.branch, to: .stream, scale: layer.residualScale))
  }

  // MARK: Parts

  private mutating func need(_ register: ForwardPass.Register, _ width: Int) {
    widths[register] = max(widths[register] ?? 0, width)
  }

  private func optionalWeight(_ tensor: ModuleTensor, _ layer: Int?) -> ForwardPass.Weight? {
    guard let (shape, isOptional) = decoder.tensor(tensor, kind: layer.map { decoder.kindOfLayer[$0] }),
      let derivation = table.derivation(of: tensor, layer: layer)
    else { return nil }
    return ForwardPass.Weight(derivation, shape: shape, isOptional: isOptional)
  }

  private func weight(_ role: ModuleRole, _ layer: Int? = nil) throws(FileError) -> ForwardPass.Weight {
    guard var weight = optionalWeight(ModuleTensor(role), layer) else {
      throw FileError(.unsupported, path: path, "there is no name for \(role) in this model")
    }
    weight.isOptional = false
    return weight
  }

  private func linear(_ role: ModuleRole, _ layer: Int) throws(FileError) -> ForwardPass.Linear {
    ForwardPass.Linear(try weight(role, layer), bias: optionalWeight(ModuleTensor(role, .bias), layer))
  }

  private func normalization(
    _ role: ModuleRole, _ norm: Norm?, _ layer: Int? = nil, heads: Int = 1
  ) throws(FileError) -> ForwardPass.Normalization? {
    guard let norm else { return nil }
    let result = ForwardPass.Normalization(
      norm, weight: norm.hasWeight ? try weight(role, layer) : nil,
      bias: norm.hasBias ? optionalWeight(ModuleTensor(role, .bias), layer) : nil, heads: heads)
    return result
  }
}
