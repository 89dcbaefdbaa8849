internal import Architectures
public import Bytes
@_spi(Benchmarks) public import Quantization
internal import RealModule
internal import Tensors

extension LoadedModel {
  /// Runs windows of equal length, each from an empty context.
  /// - Returns: the residual stream at the wanted positions after the last norm, `hidden` columns.
  /// - Throws: `FileError` when a token is outside the vocabulary or a weight cannot be read; `CancellationError`.
  public func hiddenStates(
    of windows: [[Int32]], at positions: Range<Int>, workers: Workers
  ) async throws -> Matrix {
    try await run(windows, workers: workers).finish(at: positions)
  }

  /// Runs windows of equal length as far as the last layer.
  /// - Parameters:
  ///   - observer: is shown what every linear layer but the head is given.
  ///   - end: the first step that is not carried out; nil for all.
  func run(
    _ windows: [[Int32]], workers: Workers, observer: (any InputObserver)? = nil, upTo end: Int? = nil
  ) async throws -> ModelRun {
    let length = windows.first?.count ?? 0
    precondition(windows.allSatisfy { $0.count == length }, "windows have one length")
    for token in windows.joined() where token < 0 || Int(token) >= vocabularySize {
      throw FileError(
        .mismatch, path: name,
        "token \(token) is outside the model's vocabulary of \(vocabularySize); is this the model's own tokenizer?")
    }
    let run = ModelRun(model: self, windows: windows, workers: workers, observer: observer)
    for step in steps[..<(end ?? steps.count)] { try await run.carryOut(step) }
    return run
  }

  /// Writes the logits that follow from rows `rows` of `states` to the first rows of `logits`.
  public func writeLogits(from states: Matrix, rows: Range<Int>, to logits: Matrix, workers: Workers) async throws {
    precondition(rows.count <= logits.rows && logits.columns == vocabularySize, "logits have room for the rows")
    let target = logits.part(rows: 0..<rows.count)
    try await ModelRun.apply(
      [(head, target)], to: states.part(rows: rows), workers: workers,
      memories: (0..<workers.count).map { _ in WorkerMemory() }, adding: false)
    guard logitScale != 1 || logitSoftCap != nil else { return }
    try await workers.forEach(rows.count) { [logitScale, logitSoftCap] row, _ in
      if logitScale != 1 {
        logits.withMutableRows(row..<row + 1) { values in
          for index in values.indices { values[index] *= logitScale }
        }
      }
      if let logitSoftCap { KernelSet.best.softCap(logits.part(rows: row..<row + 1), cap: logitSoftCap) }
    }
  }
}

extension LoadedModel {
  /// Angles of every rotation of the model, for windows of that length.
  func rotationTables(length: Int) -> [Attention.Rotation: RotationTable] {
    var tables: [Attention.Rotation: RotationTable] = [:]
    for case .attend(let attention, _, _, _) in steps {
      guard let rotation = attention.rotation, tables[rotation] == nil else { continue }
      tables[rotation] = RotationTable(
        frequencies: rotation.embedding.frequencies(dimension: rotation.dimension, length: length),
        factor: rotation.embedding.attentionFactor, positions: length)
    }
    return tables
  }
}

/// The activations of one batch of windows on their way through a model. Rows are tokens, window after window.
struct ModelRun: Sendable {
  let model: LoadedModel
  let windows: [[Int32]]
  let workers: Workers
  let observer: (any InputObserver)?
  let length: Int
  /// What was read before, when tokens come one after the other; nil where every window begins with its first token.
  let cache: KeyValueCache?
  /// The place of the first token of every window.
  let position: Int
  let memories: [WorkerMemory]
  private let registers: [ForwardPass.Register: Matrix]
  private let angles: [Attention.Rotation: RotationTable]

  var tokens: Int { windows.count * length }

  init(
    model: LoadedModel, windows: [[Int32]], workers: Workers, observer: (any InputObserver)?,
    cache: KeyValueCache? = nil, memories: [WorkerMemory]? = nil
  ) {
    self.model = model
    self.cache = cache
    position = cache?.position ?? 0
    self.windows = windows
    self.workers = workers
    self.observer = observer
    length = windows.first?.count ?? 0
    self.memories = memories ?? (0..<workers.count).map { _ in WorkerMemory() }
    let tokens = windows.count * length
    registers = model.widths.mapValues { Matrix(rows: tokens, columns: $0) }
    angles = cache?.angles.mapValues { $0.row(cache?.position ?? 0) } ?? model.rotationTables(length: length)
  }

  func matrix(_ register: ForwardPass.Register) -> Matrix {
    guard let matrix = registers[register] else { preconditionFailure("a register that is used has a width") }
    return matrix
  }

  func table(_ rotation: Attention.Rotation?) -> RotationTable {
    rotation.flatMap { angles[$0] } ?? RotationTable(frequencies: [], positions: 0)
  }

  /// The columns of a register that a tensor of that width fills.
  func part(_ register: ForwardPass.Register, columns: Int) -> MatrixPart {
    matrix(register).part(columns: 0..<columns)
  }

  // MARK: Steps

  func carryOut(_ step: Step) async throws {
    switch step {
    case .embed(let embedding, let scale, let to):
      try await embed(embedding, scale: scale, to: to)
    case .addPositions(let positions, let offset):
      try await addPositions(positions, offset: offset)
    case .normalize(let norm, let from, let to):
      try await normalize(norm, from: from, to: to)
    case .project(let layers, let from, let isAdded):
      guard let inputs = layers.first?.layer.inputs else { return }
      let input = part(from, columns: inputs)
      try await show(input, of: layers.map(\.layer))
      try await Self.apply(
        layers.map { ($0.layer, part($0.to, columns: $0.layer.outputs)) }, to: input, workers: workers,
        memories: memories, adding: isAdded)
    case .gate(let gate, let up, let activation, let from, let to):
      try await show(part(from, columns: gate.inputs), of: [gate, up])
      try await self.gate(gate, up, activation, from: from, to: to)
    case .activate(let activation, let register):
      try await forEachBlock { rows, _ in
        let part = matrix(register).part(rows: rows)
        KernelSet.best.activate(part, nil, activation, into: part)
      }
    case .clamp(let register, let limit):
      try await forEachBlock { rows, _ in
        matrix(register).withMutableRows(rows) { values in
          for index in values.indices { values[index] = min(max(values[index], -limit), limit) }
        }
      }
    case .attend(let attention, let sinks, let queryNorm, let keyNorm):
      if let cache {
        try await attend(attention, sinks: sinks, queryNorm: queryNorm, keyNorm: keyNorm, cache)
      } else {
        try await attend(attention, sinks: sinks, queryNorm: queryNorm, keyNorm: keyNorm)
      }
    case .mix(let mixture, let from, let to):
      try await mix(mixture, from: from, to: to)
    case .scaleByGate(let gate, let from, let of):
      try await scale(of, byGate: gate, from: from)
    case .add(let register, let to, let scale):
      let (source, target) = (matrix(register), matrix(to))
      try await forEachBlock { rows, _ in
        for row in rows {
          source.withRow(row) { added in
            target.withMutableRows(row..<row + 1) { values in
              for index in values.indices { values[index] += scale * added[index] }
            }
          }
        }
      }
    }
  }

  /// The normalized stream at the wanted positions of every window.
  func finish(at positions: Range<Int>) async throws -> Matrix {
    let result = try await normalizedStream(at: positions)
    guard let projection = model.finalProjection, result.rows > 0 else { return result }
    let projected = Matrix(rows: result.rows, columns: projection.outputs)
    try await Self.apply(
      [(projection, projected.part())], to: result.part(), workers: workers, memories: memories, adding: false)
    return projected
  }

  /// What the last norm gives, before what is done between it and the head.
  func normalizedStream(at positions: Range<Int>) async throws -> Matrix {
    precondition(positions.lowerBound >= 0 && positions.upperBound <= length, "positions lie in the windows")
    let result = Matrix(rows: windows.count * positions.count, columns: model.hiddenSize)
    guard result.rows > 0 else { return result }
    let stream = matrix(.stream)
    try await workers.forEach(windows.count) { [self] window, _ in
      let source = window * length + positions.lowerBound
      let target = window * positions.count
      let (from, to) = (
        stream.part(rows: source..<source + positions.count), result.part(rows: target..<target + positions.count)
      )
      if let norm = model.finalNorm { Self.normalize(from, norm, into: to) } else { KernelSet.best.copy(from, to: to) }
    }
    return result
  }

  // MARK: Parts of steps

  /// Blocks of rows, dealt out to the workers.
  func forEachBlock(_ body: @escaping @Sendable (_ rows: Range<Int>, _ worker: Int) throws -> Void) async throws {
    let blocks = Panel.pieces(tokens, of: 64)
    try await workers.forEach(blocks.count) { block, worker in try body(blocks[block], worker) }
  }

  /// Reads the embedding rows of the tokens.
  private func embed(_ embedding: any RowSource, scale: Float, to: ForwardPass.Register) async throws {
    let all = windows.flatMap { $0 }
    let stream = matrix(to)
    let columns = embedding.columns
    try await forEachBlock { rows, worker in
      try memories[worker].withContents { memory in
        for row in rows {
          let token = Int(all[row])
          try stream.withMutableRows(row..<row + 1) { all throws(FileError) in
            var values = all._mutatingExtracting(0..<columns)
            try embedding.read(rows: token..<token + 1, into: &values, scratch: &memory.encoded)
            if scale != 1 { for index in values.indices { values[index] *= scale } }
          }
        }
      }
    }
  }

  private func addPositions(_ positions: any RowSource, offset: Int) async throws {
    guard length + position + offset <= positions.rowCount else {
      throw FileError(
        .mismatch, path: model.name,
        "the model knows \(positions.rowCount - offset) positions, which is less than the windows of \(length) tokens")
    }
    let stream = matrix(.stream)
    try await forEachBlock { rows, worker in
      try memories[worker].withContents { memory in
        var values = [Float](repeating: 0, count: positions.columns)
        for row in rows {
          let place = row % length + position + offset
          var span = values.mutableSpan
          try positions.read(rows: place..<place + 1, into: &span, scratch: &memory.encoded)
          KernelSet.best.add(values, columns: 0..<values.count, to: stream.part(rows: row..<row + 1))
        }
      }
    }
  }

  private func normalize(
    _ norm: LoadedNorm, from: ForwardPass.Register, to: ForwardPass.Register
  ) async throws {
    let (source, target) = (matrix(from), matrix(to))
    let columns = norm.heads == 1 && !norm.weight.isEmpty ? norm.weight.count : source.columns
    try await forEachBlock { rows, _ in
      Self.normalize(
        source.part(rows: rows, columns: 0..<columns), norm, into: target.part(rows: rows, columns: 0..<columns))
    }
  }

  /// Rows, or the heads of rows by themselves.
  static func normalize(_ input: MatrixPart, _ norm: LoadedNorm, into output: MatrixPart) {
    let width = input.columns.count / norm.heads
    for head in 0..<norm.heads {
      let columns = head * width..<(head + 1) * width
      normalize(input.columns(columns), norm, head: head, into: output.columns(columns))
    }
  }

  /// One head of rows.
  static func normalize(_ input: MatrixPart, _ norm: LoadedNorm, head: Int, into output: MatrixPart) {
    let width = input.columns.count
    let (weight, bias) = (norm.weight(ofHead: head, width: width), norm.bias(ofHead: head, width: width))
    switch norm.norm.kind {
    case .rootMeanSquare:
      KernelSet.best.normalize(
        input, weight: weight.isEmpty ? Array(repeating: 1, count: width) : weight, epsilon: norm.norm.epsilon,
        into: output)
      if !bias.isEmpty { KernelSet.best.add(bias, columns: 0..<width, to: output) }
    case .layer:
      KernelSet.best.normalizeLayer(
        input, weight: weight, bias: bias, epsilon: norm.norm.epsilon, into: output)
    }
  }

  func show(_ inputs: MatrixPart, of layers: [LinearLayer]) async throws {
    guard let observer else { return }
    // Parts of one tensor have one name.
    var names: [String] = []
    for layer in layers where !names.contains(layer.name) { names.append(layer.name) }
    try await observer.observe(inputs, of: names, workers: workers)
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
  private func gate(
    _ gate: LinearLayer, _ up: LinearLayer, _ activation: Activation, from: ForwardPass.Register,
    to: ForwardPass.Register
  ) async throws {
    let (input, output) = (part(from, columns: gate.inputs), part(to, columns: gate.outputs))
    let half = max(1, Panel.rows(of: .max, columns: gate.inputs) / 2)
    let panels = Panel.pieces(gate.outputs, of: half)
    let shares = TokenShares(tokens: tokens, panels: panels.count, workers: workers.count)
    try await workers.forEach(panels.count * shares.count) { [self] item, worker in
      let panel = panels[item / shares.count]
      try memories[worker].withContents { memory in
        let decoded = memory.matrix(.panel, rows: 2 * half, columns: gate.inputs)
        try gate.decode(panel, into: decoded, at: 0, memory: &memory)
        try up.decode(panel, into: decoded, at: panel.count, memory: &memory)
        let both = memory.matrix(.gate, rows: min(Panel.tokens, tokens), columns: 2 * panel.count)
        for block in shares[item % shares.count] {
          let result = both.part(rows: 0..<block.count)
          KernelSet.best.multiply(
            input.rows(block), transposed: decoded.part(rows: 0..<2 * panel.count), into: result,
            memory: memory.product)
          let gates = result.columns(0..<panel.count), ups = result.columns(panel.count..<2 * panel.count)
          gate.addBias(panel: panel, to: gates)
          up.addBias(panel: panel, to: ups)
          KernelSet.best.activate(gates, ups, activation, into: output.rows(block).columns(panel))
        }
      }
    }
  }

  /// Multiplies rows by the sigmoid of one number for each.
  private func scale(
    _ register: ForwardPass.Register, byGate gate: LinearLayer, from: ForwardPass.Register
  ) async throws {
    let input = part(from, columns: gate.inputs)
    try await show(input, of: [gate])
    let numbers = Matrix(rows: tokens, columns: 1)
    try await Self.apply(
      [(gate, numbers.part())], to: input, workers: workers, memories: memories, adding: false)
    let target = matrix(register)
    try await forEachBlock { rows, _ in
      for row in rows {
        let factor = numbers.withRow(row) { 1 / (1 + Float.exp(-$0[0])) }
        target.withMutableRows(row..<row + 1) { values in
          for index in values.indices { values[index] *= factor }
        }
      }
    }
  }
}
