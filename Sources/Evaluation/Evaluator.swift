public import Bytes
public import Inference
internal import Quantization

/// Measures models on windows of text. Memory stays bounded: logits are made a piece at a time, and a few numbers are
/// kept of each scored place.
public struct Evaluator: Sendable {
  public var workers: Workers
  /// Tokens that are run through a model together. More spread the decoding of weights further and take more memory.
  public var batchTokens: Int
  /// Bytes of the logits that are held at a time, of both models together where there are two.
  public var pieceByteCount: Int

  public init(
    workers: Workers = Workers(), batchTokens: Int = 2048, pieceByteCount: Int = Logits.pieceByteCount
  ) {
    self.workers = workers
    self.batchTokens = batchTokens
    self.pieceByteCount = pieceByteCount
  }

  /// An evaluator that runs as many windows together as memory allows.
  /// - Parameters:
  ///   - models: those that are run, one after the other.
  ///   - memory: bytes that running them may take.
  /// - Throws: `EvaluationError` when not even one window at a time fits.
  public init(
    running models: [LoadedModel], over text: EvaluationWindows, workers: Workers, memory: Int
  ) throws(EvaluationError) {
    self.init(workers: workers)
    let usual = max(1, batchTokens / max(text.contextLength, 1))
    func needed(_ windows: Int) -> Double {
      // What one gives is kept while the other one runs.
      let states = Double(windows) * Double(text.contextLength) * 4
      let runs = models.map {
        $0.memory(windows: windows, length: text.contextLength, workers: workers.count)
          + states * Double(models.count - 1) * Double($0.hiddenSize)
      }
      let row = models.map { Double($0.vocabularySize) * 4 * Double(models.count) }.max() ?? 0
      let rows = row * Double(windows) * Double(text.positions.count)
      return (runs.max() ?? 0) + max(min(Double(pieceByteCount), rows), row)
    }
    pieceByteCount = min(pieceByteCount, memory / 4)
    guard needed(1) <= Double(memory) else {
      throw .tooLittleMemory(needed: needed(1), allowed: memory, contextLength: text.contextLength)
    }
    // More than is useful is not taken, whatever is allowed.
    let windows = (1...usual).last { needed($0) <= Double(min(memory, Self.usefulMemory)) } ?? 1
    batchTokens = windows * text.contextLength
  }

  /// Bytes that batches of more than one window take at most.
  private static let usefulMemory = 2 << 30

  /// Where a measurement has got to.
  public struct Progress: Hashable, Sendable {
    /// Windows done.
    public let chunk: Int
    /// Windows in all.
    public let chunks: Int
    /// Perplexity over what is done; of the model after in a comparison.
    public let perplexity: Double
    /// Mean KL divergence over what is done, in nats; nil where one model is measured.
    public let divergence: Double?
  }

  // MARK: One model

  /// Perplexity of a model.
  /// - Parameters:
  ///   - record: keeps what is known after each batch of windows, and what an earlier run has kept is not measured again.
  ///   - progress: is called after each batch of windows, in order.
  /// - Throws: `EvaluationError`; what the model throws; `FileError` of the record; `CancellationError`.
  public func perplexity(
    of model: some LanguageModel, over text: EvaluationWindows, record: MeasurementRecord? = nil,
    progress: (Progress) -> Void = { _ in }
  ) async throws -> Perplexity {
    try check(text, model.vocabularySize)
    let found = Found(record, of: text, models: 1, numbersPerPlace: 1)
    var nlls = found.numbers
    var worst = found.worst
    nlls.reserveCapacity(text.scoredCount)
    for batch in text.batches(ofTokens: batchTokens, from: found.windows) {
      let states = try await model.hiddenStates(
        of: Array(text.windows[batch]), at: text.positions, workers: workers)
      for piece in pieces(states, model.vocabularySize, ofModels: 1) {
        let logits = Matrix(rows: piece.count, columns: model.vocabularySize)
        try await model.writeLogits(from: states, rows: piece, to: logits, workers: workers)
        nlls += try await workers.map(piece.count) { row, _ in
          let place = Place(row: piece.lowerBound + row, batch: batch, text: text)
          return try logits.withRow(row) { span in
            let softmax = RowKernels.LogSoftmax(span)
            return try place.checked(softmax, model: "model").nll(of: span[place.target])
          }
        }
        let first = nlls.count - piece.count
        worst.add(Array(nlls[first...]), from: first) { [Self.chances(logits, row: $0)] }
      }
      try record?.keep(.init(windows: batch.upperBound, numbers: nlls + worst.numbers))
      let done = Perplexity(nlls: nlls, chunks: batch.upperBound, contextLength: text.contextLength)
      progress(
        Progress(
          chunk: batch.upperBound, chunks: text.windows.count, perplexity: done.perplexity, divergence: nil))
    }
    return Perplexity(
      nlls: nlls, chunks: text.windows.count, contextLength: text.contextLength,
      places: MeasuredPlaces(nlls, worst, in: text))
  }

  // MARK: Two models

  /// Runs two models side by side over the same windows and compares their predictions place by place.
  /// - Parameters:
  ///   - record: keeps what is known after each batch of windows, and what an earlier run has kept is not measured again.
  ///   - progress: is called after each batch of windows, in order.
  /// - Throws: `EvaluationError`; what a model throws; `FileError` of the record; `CancellationError`.
  public func compare(
    before: some LanguageModel, after: some LanguageModel, over text: EvaluationWindows,
    record: MeasurementRecord? = nil, progress: (Progress) -> Void = { _ in }
  ) async throws -> Comparison {
    guard before.vocabularySize == after.vocabularySize else {
      throw EvaluationError.vocabulariesDiffer(before: before.vocabularySize, after: after.vocabularySize)
    }
    let vocabularySize = before.vocabularySize
    try check(text, vocabularySize)
    let found = Found(record, of: text, models: 2, numbersPerPlace: PairedPrediction.numberCount)
    var places = PairedPrediction.places(found.numbers)
    var worst = found.worst
    places.reserveCapacity(text.scoredCount)
    for batch in text.batches(ofTokens: batchTokens, from: found.windows) {
      let windows = Array(text.windows[batch])
      let statesBefore = try await before.hiddenStates(of: windows, at: text.positions, workers: workers)
      let statesAfter = try await after.hiddenStates(of: windows, at: text.positions, workers: workers)
      for piece in pieces(statesBefore, vocabularySize, ofModels: 2) {
        let logitsBefore = Matrix(rows: piece.count, columns: vocabularySize)
        let logitsAfter = Matrix(rows: piece.count, columns: vocabularySize)
        try await before.writeLogits(from: statesBefore, rows: piece, to: logitsBefore, workers: workers)
        try await after.writeLogits(from: statesAfter, rows: piece, to: logitsAfter, workers: workers)
        places += try await workers.map(piece.count) { row, _ in
          let place = Place(row: piece.lowerBound + row, batch: batch, text: text)
          return try logitsBefore.withRow(row) { one in
            try logitsAfter.withRow(row) { other in try Self.pair(one, other, at: place) }
          }
        }
        let first = places.count - piece.count
        worst.add(places[first...].map(\.divergence), from: first) { row in
          [logitsBefore, logitsAfter].map { Self.chances($0, row: row) }
        }
      }
      let chunks = batch.upperBound
      try record?.keep(.init(windows: chunks, numbers: places.flatMap(\.numbers) + worst.numbers))
      let done = Perplexity(nlls: places.map(\.after), chunks: chunks, contextLength: text.contextLength)
      progress(
        Progress(
          chunk: chunks, chunks: text.windows.count, perplexity: done.perplexity,
          divergence: Mean(places.map(\.divergence)).value))
    }
    return Comparison(
      places, chunks: text.windows.count, contextLength: text.contextLength,
      places: MeasuredPlaces(places.map(\.divergence), worst, in: text))
  }

  private static func chances(_ logits: Matrix, row: Int) -> [TokenChance] {
    logits.withRow(row) { TokenChance.most(of: $0, RowKernels.LogSoftmax($0)) }
  }

  private static func pair(
    _ before: Span<Float>, _ after: Span<Float>, at place: Place
  ) throws(EvaluationError) -> PairedPrediction {
    let softmaxBefore = try place.checked(RowKernels.LogSoftmax(before), model: "model before")
    let softmaxAfter = try place.checked(RowKernels.LogSoftmax(after), model: "model after")
    return PairedPrediction(
      before: softmaxBefore.nll(of: before[place.target]), after: softmaxAfter.nll(of: after[place.target]),
      divergence: RowKernels.divergence(before: before, softmaxBefore, after: after, softmaxAfter),
      agrees: softmaxBefore.top == softmaxAfter.top)
  }

  // MARK: Parts

  /// What a record has of a measurement: nothing where its numbers are none of it.
  private struct Found {
    var windows = 0
    var numbers: [Double] = []
    var worst = WorstPlaces()

    init(_ record: MeasurementRecord?, of text: EvaluationWindows, models: Int, numbersPerPlace: Int) {
      let content = record?.found(of: text) { windows in
        let places = windows * text.positions.count
        return places * numbersPerPlace + WorstPlaces.numberCount(places: places, models: models)
      }
      guard let content else { return }
      let places = content.windows * text.positions.count
      let kept = content.numbers.dropFirst(places * numbersPerPlace)
      guard let worst = WorstPlaces(numbers: kept, places: places, models: models) else { return }
      self.windows = content.windows
      self.worst = worst
      numbers = Array(content.numbers.prefix(places * numbersPerPlace))
    }
  }

  /// A scored prediction: which window, which position, which token was right.
  private struct Place: Sendable {
    /// Number of the window in the whole text.
    let window: Int
    let position: Int
    let target: Int

    /// - Parameter row: the number of the prediction among those of the batch.
    init(row: Int, batch: Range<Int>, text: EvaluationWindows) {
      let index = batch.lowerBound + row / text.positions.count
      window = text.firstNumber + index
      position = text.positions.lowerBound + row % text.positions.count
      target = text.target(window: index, position: position)
    }

    func checked(_ softmax: RowKernels.LogSoftmax, model: String) throws(EvaluationError) -> RowKernels.LogSoftmax {
      guard softmax.logSum.isFinite else { throw .notFinite(model: model, chunk: window, position: position) }
      return softmax
    }
  }

  private func pieces(_ states: Matrix, _ vocabularySize: Int, ofModels count: Int) -> [Range<Int>] {
    Logits.pieces(rows: states.rows, vocabularySize: vocabularySize, byteCount: pieceByteCount / count)
  }

  private func check(_ text: EvaluationWindows, _ vocabularySize: Int) throws(EvaluationError) {
    for token in text.windows.joined() where token < 0 || Int(token) >= vocabularySize {
      throw .tokenOutsideVocabulary(token: token, vocabularySize: vocabularySize)
    }
  }
}
