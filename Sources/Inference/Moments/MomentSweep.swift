internal import Architectures
public import Bytes
public import Conversion
@_spi(Benchmarks) public import Quantization
internal import Synchronization

/// Collects the second moments of all linear layers: one sweep forwards through the model, and one back, a layer at a time.
///
/// The activations between layers are kept in a scratch file, so that memory is what one layer's moments and the activations of a
/// few windows take.
public struct MomentSweep: Sendable {
  /// Windows of one length that are run together.
  public struct Batch: Hashable, Sendable {
    public var windows: [[Int32]]
    /// Whether they are measured with and not counted.
    public var isHeldBack: Bool

    public init(windows: [[Int32]], isHeldBack: Bool) {
      self.windows = windows
      self.isHeldBack = isHeldBack
    }

    var tokens: Int { windows.reduce(0) { $0 + $1.count } }
  }

  public let model: LoadedModel
  public let batches: [Batch]
  /// Whether gradients are collected too, and tokens count by them.
  public let isFisher: Bool
  public let workers: Workers
  /// Of labels that are drawn.
  public var seed: UInt64 = 0
  /// Tokens a layer that are kept of what is held back, at most.
  public var sampleTokens = 1024

  public init(model: LoadedModel, batches: [Batch], isFisher: Bool, workers: Workers) {
    self.model = model
    self.batches = batches
    self.isFisher = isFisher
    self.workers = workers
  }

  /// Bytes that the scratch file takes.
  public var scratchByteCount: Int {
    let tokens = batches.reduce(0) { $0 + $1.tokens }
    return tokens * streamWidth * MemoryLayout<Float>.size * (isFisher ? model.layers.count + 1 : 1)
  }

  /// What a file of it has.
  public var layers: [CalibrationWriter.Layer] {
    model.linears.map { linear in
      let shape = linear.linear.weight.shape
      return CalibrationWriter.Layer(
        key: linear.key, inputs: shape.last ?? 0, outputs: shape.first ?? 0,
        hasGradients: isFisher && linear.key != model.head.key)
    }
  }

  /// Steps of `progress`.
  public var stepCount: Int { batches.count * model.layers.count * (isFisher ? 2 : 1) }

  /// Those of the way forward.
  public var stepsForward: Int { isFisher ? batches.count * model.layers.count : 0 }

  private var streamWidth: Int { model.widths[.stream] ?? model.hiddenSize }

  /// A sweep that has gone forward, if it does.
  public struct Start: Sendable {
    fileprivate let states: HeldStates
    fileprivate let collector: MomentCollector
    /// Of all linear layers that some token has reached; none without Fisher.
    public let squares: [LayerSquares]
  }

  /// - Parameters:
  ///   - folder: where the scratch file is.
  ///   - progress: is called after each batch of each layer.
  ///   - finish: is given what is known of a linear layer, whole, from the last layer of the model to the first; without Fisher from the
  ///     first to the last.
  public func run(
    scratchIn folder: String, progress: () throws -> Void = {}, finish: (LayerSums) throws -> Void
  ) async throws {
    try await complete(try await start(scratchIn: folder, progress: progress), progress: progress, finish: finish)
  }

  /// The way forward, by which squares are known. Without Fisher nothing is known yet.
  /// - Parameters:
  ///   - folder: where the scratch file is.
  ///   - progress: is called after each batch of each layer.
  public func start(scratchIn folder: String, progress: () throws -> Void = {}) async throws -> Start {
    let scratch = try ScratchFile(in: folder, byteCount: scratchByteCount)
    let states = StateFile(scratch, batches: batches, width: streamWidth)
    let heldBack = batches.filter(\.isHeldBack).reduce(0) { $0 + $1.tokens }
    let probe = MomentProbe()
    _ = try await model.reverse(
      [probeWindow],
      label: { [generator = CounterGenerator(seed: Self.probeSeed)] row in
        .drawn(generator.uniform(stream: 1, number: UInt64(row)))
      }, observer: probe, workers: workers)
    let collector = MomentCollector(
      units: probe.units, withoutGradients: [model.head.key],
      squaresComeFirst: isFisher ? Set(model.linears.filter { $0.layer != nil }.map(\.key)) : [], isFisher: isFisher,
      sampleStep: heldBack.dividedRoundingUp(by: max(1, sampleTokens)), workers: workers)
    if isFisher {
      try await forward(states, collector, progress)
    } else {
      try await embed(states)
    }
    return Start(states: HeldStates(states), collector: collector, squares: collector.squares)
  }

  /// The rest of a sweep, once.
  /// - Parameters:
  ///   - progress: is called after each batch of each layer.
  ///   - finish: as for `run`.
  ///   - leave: is called when all linear layers of a layer of the model were given to `finish`.
  public func complete(
    _ start: Start, progress: () throws -> Void = {}, finish: (LayerSums) throws -> Void,
    leave: () async throws -> Void = {}
  ) async throws {
    guard let states = start.states.take() else { preconditionFailure("a sweep is completed once") }
    let collector = start.collector
    let keys = Dictionary(grouping: model.linears) { $0.layer ?? -1 }.mapValues { $0.map(\.key) }
    func finishAll(_ layer: Int) async throws {
      var sums = collector.take(keys[layer] ?? [])
      // One after the other is given up: they are what takes memory.
      while let last = sums.popLast() { try finish(last) }
      try await leave()
    }
    if isFisher {
      try await finishAll(-1)
      for layer in model.layers.indices.reversed() {
        try await back(layer, states, collector, progress)
        try await finishAll(layer)
      }
    } else {
      for layer in model.layers.indices {
        try await onward(layer, states, collector, progress)
        try await finishAll(layer)
      }
      try await finishAll(-1)
    }
  }

  // MARK: - With gradients

  /// All layers of every batch, whose streams are kept, and the gradients after the last.
  private func forward(_ states: StateFile, _ collector: MomentCollector, _ progress: () throws -> Void) async throws {
    let generator = CounterGenerator(seed: seed)
    for (number, batch) in batches.enumerated() {
      collector.holdBack(batch.isHeldBack)
      let run = try await model.run(
        batch.windows, workers: workers, observer: InputCollector(collector, model, .squares),
        upTo: model.layers.first?.lowerBound)
      for (layer, steps) in model.layers.enumerated() {
        try states.write(run.matrix(.stream), layer: layer, batch: number)
        for step in model.steps[steps] { try await run.carryOut(step) }
        try progress()
      }
      let (_, stream) = try await run.loss(
        of: { .drawn(generator.uniform(stream: UInt64(number), number: UInt64($0))) }, observer: collector)
      try states.write(stream, layer: model.layers.count, batch: number)
    }
  }

  private func back(
    _ layer: Int, _ states: StateFile, _ collector: MomentCollector, _ progress: () throws -> Void
  ) async throws {
    for (number, batch) in batches.enumerated() {
      let run = ModelRun(model: model, windows: batch.windows, workers: workers, observer: nil)
      try states.read(into: run.matrix(.stream), layer: layer, batch: number)
      let records = try await run.record(model.steps[model.layers[layer]])
      let gradient = Matrix(rows: run.tokens, columns: streamWidth)
      try states.read(into: gradient, layer: model.layers.count, batch: number)
      collector.holdBack(batch.isHeldBack)
      try await ReverseRun(run, stream: gradient, observer: collector).carryOut(records)
      try states.write(gradient, layer: model.layers.count, batch: number)
      try progress()
    }
  }

  // MARK: - Without

  private func embed(_ states: StateFile) async throws {
    for (number, batch) in batches.enumerated() {
      let run = try await model.run(batch.windows, workers: workers, upTo: model.layers.first?.lowerBound)
      try states.write(run.matrix(.stream), layer: 0, batch: number)
    }
  }

  private func onward(
    _ layer: Int, _ states: StateFile, _ collector: MomentCollector, _ progress: () throws -> Void
  ) async throws {
    let isLast = layer + 1 == model.layers.count
    for (number, batch) in batches.enumerated() {
      let run = ModelRun(
        model: model, windows: batch.windows, workers: workers, observer: InputCollector(collector, model, .moments))
      try states.read(into: run.matrix(.stream), layer: 0, batch: number)
      collector.holdBack(batch.isHeldBack)
      for step in model.steps[model.layers[layer]] { try await run.carryOut(step) }
      try states.write(run.matrix(.stream), layer: 0, batch: number)
      if isLast {
        let states = try await run.finish(at: 0..<run.length)
        try await collector.observe(states.part(), gradient: nil, key: model.head.key, workers: workers)
      }
      try progress()
    }
  }

  // MARK: - The probe

  private static let probeSeed: UInt64 = 0x0DEC_A417

  /// Tokens that depend on nothing but the vocabulary, so that every machine has the same units.
  private var probeWindow: [Int32] {
    let generator = CounterGenerator(seed: Self.probeSeed)
    return (0..<64).map {
      Int32(generator.uniform(stream: 0, number: $0) * Double(model.vocabularySize))
    }
  }
}

/// The scratch file of a sweep until it is completed: it takes much room.
private final class HeldStates: Sendable {
  private let states: Mutex<StateFile?>

  init(_ states: StateFile) { self.states = Mutex(states) }

  func take() -> StateFile? {
    states.withLock { states in
      defer { states = nil }
      return states
    }
  }
}

/// Streams between layers, in a scratch file.
private struct StateFile: Sendable {
  private let scratch: ScratchFile
  /// The first token of each batch.
  private let first: [Int]
  private let tokens: Int
  private let width: Int

  init(_ scratch: ScratchFile, batches: [MomentSweep.Batch], width: Int) {
    self.scratch = scratch
    self.width = width
    var first: [Int] = []
    var count = 0
    for batch in batches {
      first.append(count)
      count += batch.tokens
    }
    self.first = first
    tokens = count
  }

  private func offset(_ layer: Int, _ batch: Int) -> Int {
    (layer * tokens + first[batch]) * width * MemoryLayout<Float>.size
  }

  func write(_ matrix: Matrix, layer: Int, batch: Int) throws(FileError) {
    try matrix.withBytes(ofRows: 0..<matrix.rows) { bytes throws(FileError) in
      try scratch.write(bytes, at: offset(layer, batch))
    }
  }

  func read(into matrix: Matrix, layer: Int, batch: Int) throws(FileError) {
    try matrix.withMutableBytes(ofRows: 0..<matrix.rows) { bytes throws(FileError) in
      try scratch.read(into: &bytes, at: offset(layer, batch))
    }
  }
}

/// Shows a collector what layers are given.
private struct InputCollector: InputObserver {
  enum Part { case squares, moments }

  private let collector: MomentCollector
  private let part: Part
  private let keys: [String: [String]]

  init(_ collector: MomentCollector, _ model: LoadedModel, _ part: Part) {
    self.collector = collector
    self.part = part
    // Parts of one tensor are shown under its name, once.
    keys = Dictionary(grouping: model.linears.map(\.key)) { key in
      let parts = key.split(separator: "@", maxSplits: 1).map(String.init)
      return (parts[0].split(separator: "#").first.map(String.init) ?? parts[0])
        + (parts.count > 1 ? "@" + parts[1] : "")
    }
  }

  func observe(_ inputs: MatrixPart, of layers: [String], workers: Workers) async throws {
    let shown = layers.flatMap { keys[$0] ?? [$0] }
    switch part {
    case .squares: try collector.observe(squaresOf: inputs, shown)
    case .moments: try await collector.observe(inputs, alike: shown, workers: workers)
    }
  }
}
