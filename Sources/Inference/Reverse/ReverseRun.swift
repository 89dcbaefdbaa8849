internal import Architectures
internal import Bytes
@_spi(Benchmarks) internal import Quantization
internal import RealModule

/// Reverse mode: the way back through the steps of a `ModelRun`, from the gradient of a loss with respect to what they have
/// given to that with respect to what they were given. Weights are not trained, so that theirs are not computed: whoever
/// wants to know of a linear layer is shown both factors.
struct ReverseRun: Sendable {
  typealias Register = ForwardPass.Register

  /// What the steps were carried out by.
  let run: ModelRun
  let observer: any GradientObserver
  /// Gradients of what is in the registers, at the place that the way back has got to.
  private let gradients: [Register: Matrix]

  /// - Parameter stream: the gradient of the stream after the last step; it becomes that before the first one.
  init(_ run: ModelRun, stream: Matrix, observer: any GradientObserver) {
    self.run = run
    self.observer = observer
    var gradients = run.model.widths.mapValues { Matrix(rows: run.tokens, columns: $0) }
    for matrix in gradients.values { KernelSet.best.clear(matrix.part()) }
    gradients[.stream] = stream
    self.gradients = gradients
  }

  func gradient(_ register: Register) -> Matrix {
    guard let matrix = gradients[register] else { preconditionFailure("a register that is used has a width") }
    return matrix
  }

  /// The columns of a register's gradient that a tensor of that width fills.
  private func gradient(_ register: Register, columns: Int) -> MatrixPart {
    gradient(register).part(columns: 0..<columns)
  }

  /// Goes back through steps, the last one first.
  func carryOut(_ records: [StepRecord]) async throws {
    for record in records.reversed() { try await carryOut(record) }
  }

  private func carryOut(_ record: StepRecord) async throws {
    switch record.step {
    case .embed, .addPositions:
      // Nothing before them is wanted.
      break
    case .normalize(let norm, let from, let to):
      try await normalize(norm, record.input(from), from: from, to: to)
    case .project(let layers, let from, let isAdded):
      let inputs = layers.first?.layer.inputs ?? 0
      let given = layers.map { ($0.layer, gradient($0.to, columns: $0.layer.outputs)) }
      try await pass(given, from: record.input(from).part(columns: 0..<inputs), to: gradient(from, columns: inputs))
      // What was there before the step had no part in it.
      if !isAdded { for layer in layers { await clear(layer.to) } }
    case .gate(let gate, let up, let activation, let from, let to):
      try await self.gate(gate, up, activation, record.input(from), from: from, to: to)
    case .activate(let activation, let register):
      let (values, gradient) = (record.input(register), gradient(register))
      try await run.forEachBlock { rows, _ in
        let slopes = Matrix(rows: rows.count, columns: values.columns)
        KernelSet.best.copy(values.part(rows: rows), to: slopes.part())
        KernelSet.best.reverseActivate(slopes.part(), nil, activation, gradient: gradient.part(rows: rows))
        KernelSet.best.copy(slopes.part(), to: gradient.part(rows: rows))
      }
    case .clamp(let register, let limit):
      let (values, gradient) = (record.input(register), gradient(register))
      try await run.forEachBlock { rows, _ in
        for row in rows {
          values.withRow(row) { values in
            gradient.withMutableRows(row..<row + 1) { own in
              for index in own.indices where values[index].magnitude > limit { own[index] = 0 }
            }
          }
        }
      }
    case .attend(let attention, let sinks, let queryNorm, let keyNorm):
      try await attend(attention, sinks: sinks, queryNorm: queryNorm, keyNorm: keyNorm, record)
      await clear(.mixed)
    case .mix(let mixture, let from, let to):
      try await mix(mixture, record, from: from, gradient: gradient(to))
      await clear(to)
    case .scaleByGate(let gate, let from, let of):
      try await scale(of, byGate: gate, from: from, record)
    case .add(let register, let to, let scale):
      let (target, source) = (gradient(register), gradient(to))
      try await run.forEachBlock { rows, _ in
        for row in rows {
          source.withRow(row) { added in
            target.withMutableRows(row..<row + 1) { own in
              for index in added.indices { own[index] += scale * added[index] }
            }
          }
        }
      }
    }
  }

  /// What a step has overwritten had no part in what came after.
  private func clear(_ register: Register) async {
    let matrix = gradient(register)
    let blocks = Panel.pieces(matrix.rows, of: 64)
    _ = await run.workers.map(blocks.count) { number, _ in KernelSet.best.clear(matrix.part(rows: blocks[number])) }
  }

  // MARK: - Linear layers

  /// Shows layers of one input, and adds what they hand back of the gradients of what they have given.
  private func pass(
    _ layers: [(layer: LinearLayer, given: MatrixPart)], from inputs: MatrixPart, to target: MatrixPart
  ) async throws {
    for (layer, given) in layers {
      try await observer.observe(inputs, gradient: given, of: layer, workers: run.workers)
      try await Self.add(given, times: layer, to: target, workers: run.workers, memories: run.memories)
    }
  }

  /// Rows of a weight that are decoded at a time, for all workers.
  private static let decodedElements = 1 << 24

  /// `target += given * weight`. Shapes: `given` [tokens, out], the weight [out, in], `target` [tokens, in].
  static func add(
    _ given: MatrixPart, times layer: LinearLayer, to target: MatrixPart, workers: Workers, memories: [WorkerMemory]
  ) async throws {
    let height = max(1, decodedElements / max(1, layer.inputs))
    let weight = Matrix(rows: min(height, layer.outputs), columns: layer.inputs)
    let columns = Panel.pieces(layer.inputs, of: 256)
    let blocks = Panel.pieces(given.rows.count, of: Panel.tokens)
    for rows in Panel.pieces(layer.outputs, of: height) {
      let parts = Panel.pieces(rows.count, of: 64)
      try await workers.forEach(parts.count) { number, worker in
        let part = parts[number]
        try memories[worker].withContents { memory in
          try layer.decode(
            rows.lowerBound + part.lowerBound..<rows.lowerBound + part.upperBound, into: weight, at: part.lowerBound,
            memory: &memory)
        }
      }
      try await workers.forEach(columns.count * blocks.count) { item, worker in
        let (piece, block) = (columns[item / blocks.count], blocks[item % blocks.count])
        memories[worker].withContents { memory in
          KernelSet.best.multiply(
            given.rows(block).columns(rows), weight.part(rows: 0..<rows.count, columns: piece),
            into: target.rows(block).columns(piece), adding: true, memory: memory.product)
        }
      }
    }
  }

  private func gate(
    _ gate: LinearLayer, _ up: LinearLayer, _ activation: Activation, _ input: Matrix, from: Register, to: Register
  ) async throws {
    let inputs = input.part(columns: 0..<gate.inputs)
    let given = gradient(to, columns: gate.outputs)
    let (gates, ups) = try await backThrough(gate, up, activation, of: inputs, given: given)
    try await pass(
      [(gate, gates)] + (ups.map { [(up, $0)] } ?? []), from: inputs, to: gradient(from, columns: gate.inputs))
    await clear(to)
  }

  /// The gradients of what the first layers of a feed-forward network give, whose values are computed again.
  /// - Parameter given: the gradient of what the activation gives.
  /// - Returns: of the activated layer, and of the one that it is multiplied with.
  func backThrough(
    _ activated: LinearLayer, _ other: LinearLayer?, _ activation: Activation, of inputs: MatrixPart, given: MatrixPart
  ) async throws -> (activated: MatrixPart, other: MatrixPart?) {
    let gates = Matrix(rows: inputs.rows.count, columns: activated.outputs)
    let ups = other.map { Matrix(rows: inputs.rows.count, columns: $0.outputs) }
    try await ModelRun.apply(
      [(activated, gates.part())] + (other.flatMap { layer in ups.map { [(layer, $0.part())] } } ?? []), to: inputs,
      workers: run.workers, memories: run.memories, adding: false)
    let blocks = Panel.pieces(inputs.rows.count, of: 16)
    try await run.workers.forEach(blocks.count) { number, _ in
      KernelSet.best.reverseActivate(
        gates.part(rows: blocks[number]), ups?.part(rows: blocks[number]), activation,
        gradient: given.rows(blocks[number]))
    }
    return (gates.part(), ups?.part())
  }

  /// Rows that were multiplied by the sigmoid of one number each.
  private func scale(
    _ register: Register, byGate gate: LinearLayer, from: Register, _ record: StepRecord
  ) async throws {
    let inputs = record.input(from).part(columns: 0..<gate.inputs)
    let numbers = Matrix(rows: run.tokens, columns: 1)
    try await ModelRun.apply(
      [(gate, numbers.part())], to: inputs, workers: run.workers, memories: run.memories, adding: false)
    let (values, gradient) = (record.input(register), gradient(register))
    try await run.forEachBlock { rows, _ in
      for row in rows {
        let share = numbers.withRow(row) { 1 / (1 + Float.exp(-$0[0])) }
        let product = values.withRow(row) { values in
          gradient.withMutableRows(row..<row + 1) { own in
            var sum = 0.0
            for index in own.indices {
              sum += Double(own[index]) * Double(values[index])
              own[index] *= share
            }
            return sum
          }
        }
        numbers.withMutableRows(row..<row + 1) { $0[0] = Float(product * Double(share * (1 - share))) }
      }
    }
    try await pass([(gate, numbers.part())], from: inputs, to: self.gradient(from, columns: gate.inputs))
  }

  // MARK: - Norms

  private func normalize(_ norm: LoadedNorm, _ input: Matrix, from: Register, to: Register) async throws {
    let columns = norm.heads == 1 && !norm.weight.isEmpty ? norm.weight.count : input.columns
    let (target, given) = (gradient(from), gradient(to))
    try await run.forEachBlock { rows, _ in
      let (own, part) = (given.part(rows: rows, columns: 0..<columns), input.part(rows: rows, columns: 0..<columns))
      let width = columns / norm.heads
      for head in 0..<norm.heads {
        let columns = head * width..<(head + 1) * width
        Self.normalize(part.columns(columns), norm, head: head, gradient: own.columns(columns))
      }
      guard from != to else { return }
      KernelSet.best.add(own, to: target.part(rows: rows, columns: 0..<columns))
      KernelSet.best.clear(own)
    }
  }

  /// One head of rows.
  static func normalize(_ input: MatrixPart, _ norm: LoadedNorm, head: Int, gradient: MatrixPart) {
    KernelSet.best.reverseNormalize(
      input, weight: norm.weight(ofHead: head, width: input.columns.count), epsilon: norm.norm.epsilon,
      isCentered: norm.norm.kind == .layer, gradient: gradient)
  }
}
