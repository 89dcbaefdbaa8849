internal import Architectures
internal import Bytes
internal import Quantization
internal import Tensors

extension LlamaModel {
  /// Runs windows of equal length, each from an empty context.
  /// - Returns: the residual stream at the wanted positions after the last norm, `hidden` columns.
  /// - Throws: `FileError` when a token is outside the vocabulary or a weight cannot be read; `CancellationError`.
  public func hiddenStates(
    of windows: [[Int32]], at positions: Range<Int>, workers: Workers
  ) async throws -> Matrix {
    try await run(windows, workers: workers).finish(at: positions)
  }

  /// Runs windows of equal length as far as the last layer.
  /// - Parameter observer: is shown what every linear layer but the head is given.
  func run(_ windows: [[Int32]], workers: Workers, observer: (any InputObserver)? = nil) async throws -> LlamaRun {
    let length = windows.first?.count ?? 0
    precondition(windows.allSatisfy { $0.count == length }, "windows have one length")
    for token in windows.joined() where token < 0 || Int(token) >= vocabularySize {
      throw FileError(
        .mismatch, path: name,
        "token \(token) is outside the model's vocabulary of \(vocabularySize); is this the model's own tokenizer?")
    }
    let run = LlamaRun(model: self, windows: windows, workers: workers, observer: observer)
    try await run.embed()
    for layer in layers {
      try await run.attend(layer)
      try await run.feedForward(layer)
    }
    return run
  }

  /// Writes the logits that follow from rows `rows` of `states` to the first rows of `logits`.
  public func writeLogits(from states: Matrix, rows: Range<Int>, to logits: Matrix, workers: Workers) async throws {
    precondition(rows.count <= logits.rows && logits.columns == vocabularySize, "logits have room for the rows")
    let target = logits.part(rows: 0..<rows.count)
    try await LlamaRun.apply(
      [(head, target)], to: states.part(rows: rows), workers: workers,
      memories: (0..<workers.count).map { _ in WorkerMemory() }, adding: false)
  }
}

/// The activations of one batch of windows on their way through a model. Rows are tokens, window after window.
struct LlamaRun: Sendable {
  let model: LlamaModel
  let windows: [[Int32]]
  let workers: Workers
  let observer: (any InputObserver)?

  private let length: Int
  private let memories: [WorkerMemory]
  private let angles: RotationTable
  /// The residual stream, `hidden` columns.
  private let stream: Matrix
  /// What a norm gives, `hidden` columns.
  private let normalized: Matrix
  private let queries: Matrix
  private let keys: Matrix
  private let values: Matrix
  /// What the heads give, side by side.
  private let mixed: Matrix
  /// The gated inner values of the feed-forward network.
  private let inner: Matrix

  private var tokens: Int { stream.rows }
  private var configuration: LlamaConfiguration { model.configuration }

  init(model: LlamaModel, windows: [[Int32]], workers: Workers, observer: (any InputObserver)?) {
    let configuration = model.configuration
    self.model = model
    self.windows = windows
    self.workers = workers
    self.observer = observer
    length = windows.first?.count ?? 0
    memories = (0..<workers.count).map { _ in WorkerMemory() }
    angles = RotationTable(
      frequencies: configuration.rope.frequencies(dimension: configuration.headDimension, length: length),
      factor: configuration.rope.attentionFactor, positions: length)
    let tokens = windows.count * length
    let queryColumns = configuration.headCount * configuration.headDimension
    let keyColumns = configuration.keyValueHeadCount * configuration.headDimension
    stream = Matrix(rows: tokens, columns: configuration.hiddenSize)
    normalized = Matrix(rows: tokens, columns: configuration.hiddenSize)
    queries = Matrix(rows: tokens, columns: queryColumns)
    keys = Matrix(rows: tokens, columns: keyColumns)
    values = Matrix(rows: tokens, columns: keyColumns)
    mixed = Matrix(rows: tokens, columns: queryColumns)
    inner = Matrix(rows: tokens, columns: configuration.intermediateSize)
  }

  // MARK: Steps

  /// Reads the embedding rows of the tokens.
  func embed() async throws {
    let all = windows.flatMap { $0 }
    let blocks = Panel.pieces(tokens, of: 64)
    try await workers.forEach(blocks.count) { [self] block, worker in
      try memories[worker].withContents { memory in
        for row in blocks[block] {
          let token = Int(all[row])
          try stream.withMutableRows(row..<row + 1) { values throws(FileError) in
            try model.embedding.read(rows: token..<token + 1, into: &values, scratch: &memory.encoded)
          }
        }
      }
    }
  }

  /// Adds a layer's attention to the stream.
  func attend(_ layer: LlamaLayer) async throws {
    try await normalize(layer.attentionNorm)
    try await show(normalized, of: layer.query, layer.key, layer.value)
    try await apply(
      [(layer.query, queries.part()), (layer.key, keys.part()), (layer.value, values.part())], to: normalized.part())
    try await mix()
    try await show(mixed, of: layer.output)
    try await apply([(layer.output, stream.part())], to: mixed.part(), adding: true)
  }

  /// Adds a layer's feed-forward network to the stream.
  func feedForward(_ layer: LlamaLayer) async throws {
    try await normalize(layer.feedForwardNorm)
    try await show(normalized, of: layer.gate, layer.up)
    try await gate(layer)
    try await show(inner, of: layer.down)
    try await apply([(layer.down, stream.part())], to: inner.part(), adding: true)
  }

  /// The normalized stream at the wanted positions of every window.
  func finish(at positions: Range<Int>) async throws -> Matrix {
    precondition(positions.lowerBound >= 0 && positions.upperBound <= length, "positions lie in the windows")
    let result = Matrix(rows: windows.count * positions.count, columns: configuration.hiddenSize)
    guard result.rows > 0 else { return result }
    try await workers.forEach(windows.count) { [self] window, _ in
      let source = window * length + positions.lowerBound
      let target = window * positions.count
      KernelSet.best.normalize(
        stream.part(rows: source..<source + positions.count), weight: model.finalNorm,
        epsilon: configuration.normEpsilon, into: result.part(rows: target..<target + positions.count))
    }
    return result
  }

  // MARK: Parts of a step

  private func normalize(_ weight: [Float]) async throws {
    let blocks = Panel.pieces(tokens, of: 64)
    try await workers.forEach(blocks.count) { [self] block, _ in
      KernelSet.best.normalize(
        stream.part(rows: blocks[block]), weight: weight, epsilon: configuration.normEpsilon,
        into: normalized.part(rows: blocks[block]))
    }
  }

  private func show(_ inputs: Matrix, of layers: LinearLayer...) async throws {
    try await observer?.observe(inputs, of: layers.map(\.name), workers: workers)
  }

  private func apply(_ layers: [(LinearLayer, MatrixPart)], to input: MatrixPart, adding: Bool = false) async throws {
    try await Self.apply(layers, to: input, workers: workers, memories: memories, adding: adding)
  }

  /// Applies layers to one input, each into its own output: a single round of work.
  static func apply(
    _ layers: [(layer: LinearLayer, output: MatrixPart)], to input: MatrixPart, workers: Workers,
    memories: [WorkerMemory], adding: Bool
  ) async throws {
    let panels = layers.flatMap { pair in pair.layer.panels.map { (pair.layer, pair.output, $0) } }
    let shares = TokenShares(tokens: input.rows.count, panels: panels.count, workers: workers.count)
    try await workers.forEach(panels.count * shares.count) { item, worker in
      let (layer, output, panel) = panels[item / shares.count]
      try memories[worker].withContents { memory in
        let decoded = try layer.decode(panel, memory: &memory)
        for block in shares[item % shares.count] {
          layer.apply(
            panel: panel, decoded: decoded, to: input.rows(block),
            into: output.rows(block).columns(panel), adding: adding, memory: memory.product)
        }
      }
    }
  }

  /// The first half of the feed-forward network: both projections and the gate, panel by panel. A panel has half its
  /// rows from either projection.
  private func gate(_ layer: LlamaLayer) async throws {
    let half = max(1, Panel.rows(of: .max, columns: layer.gate.inputs) / 2)
    let panels = Panel.pieces(layer.gate.outputs, of: half)
    let shares = TokenShares(tokens: tokens, panels: panels.count, workers: workers.count)
    try await workers.forEach(panels.count * shares.count) { [self] item, worker in
      let panel = panels[item / shares.count]
      try memories[worker].withContents { memory in
        let decoded = memory.matrix(.panel, rows: 2 * half, columns: layer.gate.inputs)
        try layer.gate.decode(panel, into: decoded, at: 0, memory: &memory)
        try layer.up.decode(panel, into: decoded, at: panel.count, memory: &memory)
        let both = memory.matrix(.gate, rows: min(Panel.tokens, tokens), columns: 2 * panel.count)
        for block in shares[item % shares.count] {
          let result = both.part(rows: 0..<block.count)
          KernelSet.best.multiply(
            normalized.part(rows: block), transposed: decoded.part(rows: 0..<2 * panel.count), into: result,
            memory: memory.product)
          let gates = result.columns(0..<panel.count), ups = result.columns(panel.count..<2 * panel.count)
          layer.gate.addBias(panel: panel, to: gates)
          layer.up.addBias(panel: panel, to: ups)
          KernelSet.best.gate(gates, ups, into: inner.part(rows: block, columns: panel))
        }
      }
    }
  }

  /// Attention proper: every head of every window by itself.
  private func mix() async throws {
    let heads = configuration.headCount
    try await workers.forEach(windows.count * heads) { [self] item, worker in
      let window = item / heads
      let rows = window * length..<(window + 1) * length
      memories[worker].withContents { memory in
        mix(head: item % heads, rows: rows, memory: &memory)
      }
    }
  }

  private func mix(head: Int, rows: Range<Int>, memory: inout WorkerMemory.Contents) {
    let dimension = configuration.headDimension
    let shared = head / (configuration.headCount / configuration.keyValueHeadCount)
    let headColumns = head * dimension..<(head + 1) * dimension
    let sharedColumns = shared * dimension..<(shared + 1) * dimension
    let window = configuration.slidingWindow ?? Int.max

    let turnedQueries = memory.matrix(.queries, rows: length, columns: dimension)
    let turnedKeys = memory.matrix(.keys, rows: length, columns: dimension)
    let scale = 1 / Float(dimension).squareRoot()
    KernelSet.best.rotate(
      queries.part(rows: rows, columns: headColumns), by: angles, scale: scale, into: turnedQueries.part())
    KernelSet.best.rotate(keys.part(rows: rows, columns: sharedColumns), by: angles, scale: 1, into: turnedKeys.part())

    let scores = memory.matrix(.scores, rows: min(Panel.queries, length), columns: length)
    for block in Panel.pieces(length, of: Panel.queries) {
      let oldest = block.lowerBound >= window ? block.lowerBound - window + 1 : 0
      let seen = oldest..<block.upperBound
      let part = scores.part(rows: 0..<block.count, columns: 0..<seen.count)
      KernelSet.best.multiply(
        turnedQueries.part(rows: block), transposed: turnedKeys.part(rows: seen), into: part, memory: memory.product)
      KernelSet.best.causalSoftmax(part, firstQuery: block.lowerBound, firstKey: oldest, window: window)
      KernelSet.best.multiply(
        part,
        values.part(
          rows: rows.lowerBound + seen.lowerBound..<rows.lowerBound + seen.upperBound, columns: sharedColumns),
        into: mixed.part(
          rows: rows.lowerBound + block.lowerBound..<rows.lowerBound + block.upperBound, columns: headColumns),
        memory: memory.product)
    }
  }
}
