internal import Bytes
internal import Calibration
internal import Conversion
internal import Evaluation
internal import Inference
internal import Tokenizers

/// A calibration as the commands make it.
struct CalibrationJob {
  /// What is read, and what is collected.
  struct Request {
    /// Paths; none for the usual mixture.
    var text: [String] = []
    /// Of all texts together.
    var tokens = 32768
    /// Tokens of a window.
    var context = 256
    var fisher = true
    var seed: UInt32 = 0
    /// Whether sums are kept whole.
    var mergeable = false
  }

  private let checkpoint: Checkpoint
  private let options: Request
  private let tokenizer: String?
  private let cutting: PreTokenizerOptions
  private let memory: ByteSize?
  private let workers: Workers
  /// Read once: a pipe has its text only once.
  private let texts: [CalibrationText]

  /// - Throws: `FileError` when a text cannot be read.
  init(
    _ checkpoint: Checkpoint, _ options: Request, tokenizer: String? = nil, _ cutting: PreTokenizerOptions,
    memory: ByteSize? = nil, workers: Int
  ) throws(FileError) {
    self.checkpoint = checkpoint
    self.options = options
    self.tokenizer = tokenizer
    self.cutting = cutting
    self.memory = memory
    self.workers = Workers(count: workers)
    texts = try Self.texts(of: options.text)
  }

  /// Paths of all that is read.
  var inputPaths: [String] {
    get throws(FileError) {
      try checkpoint.inputPaths + options.text + (try tokenizer.map(ModelTokenizer.inputPaths) ?? [])
    }
  }

  /// What it will take.
  /// - Throws: `FileError` when the model cannot be run, or takes more memory than it may.
  func price() throws(FileError) -> CalibrationPrice {
    _ = try checkpoint.requireModel()
    try checkpoint.checkTensors()
    _ = try words()
    let price = CalibrationPrice(
      try LoadedModel(running: checkpoint), texts: texts.count, tokens: likelyTokens, context: options.context,
      isFisher: options.fisher, isMergeable: options.mergeable, workers: workers)
    let allowed = memory?.bytes ?? FileSystem.availableMemory()
    if let allowed, price.memory > Double(allowed) {
      throw FileError(
        .unsupported, path: checkpoint.path,
        "calibrating it takes about \(NumberText.bytes(Int(price.memory))) of memory, and \(NumberText.bytes(allowed)) may "
          + "be taken; without gradients, or with shorter windows, it takes less", remedy: .allowMemory)
    }
    return price
  }

  /// Tokens that will be read, about: short texts have fewer than their share, and windows of them overlap.
  private var likelyTokens: Int {
    let share = options.tokens / max(1, texts.count)
    return texts.reduce(0) { sum, text in
      guard case .bytes(let bytes) = text.origin else { return sum + share }
      return sum + min(share, max(2 * options.context, bytes.count / 2))
    }
  }

  /// What cuts texts into tokens.
  private func words() throws(FileError) -> Tokenizer {
    guard let tokenizer else { return try ModelTokenizer.load(of: checkpoint, preTokenizer: cutting.preTokenizer) }
    return try ModelTokenizer.load(tokenizer, preTokenizer: cutting.preTokenizer)
  }

  /// Makes the file.
  func write(to path: String, replacing: Bool) async throws -> Calibrator {
    let calibrator = try await calibrator(for: path)
    let sweeping = ContinuousClock.now
    Terminal.tellLeft(
      try await calibrator.write(to: path, reading: try inputPaths, replacing: replacing) { done, count in
        Self.show("calibrating: step", done, of: count, since: sweeping)
      })
    StatusLine.shared.end()
    StatusLine.shared.sayLast("")
    try checkpoint.requireUnchanged()
    return calibrator
  }

  /// One that is made while an output is, and not kept.
  struct Accompanying {
    let calibration: CalibrationUnderway
    /// Makes the rest of it, and calls what it is given when all that is known of some linear layers is there.
    let collect: (_ pour: () async throws -> Void) async throws -> Void
  }

  /// What records call a calibration that is not kept.
  var temporaryName: String { FileSystem.lastComponent(checkpoint.path) + ".calibration" }

  /// Begins one that is not kept.
  /// - Parameter output: what it is made for.
  func start(for output: String) async throws -> Accompanying {
    let calibrator = try await calibrator(for: output)
    let sweeping = ContinuousClock.now
    let start = try await calibrator.start(
      path: checkpoint.path, name: temporaryName, for: output
    ) { done, count in
      Self.show("calibrating: step", done, of: count, since: sweeping)
    }
    StatusLine.shared.end()
    return Accompanying(calibration: start.calibration) { [checkpoint] pour in
      let (sweeping, first) = (ContinuousClock.now, calibrator.sweep.stepsForward)
      try await calibrator.complete(start) { done, count in
        Self.show("calibrating and encoding: step", done - first, of: count - first, since: sweeping)
      } pour: {
        try await pour()
      }
      try checkpoint.requireUnchanged()
    }
  }

  /// Reads, or writes, the texts.
  /// - Parameter path: what is being made.
  private func calibrator(for path: String) async throws -> Calibrator {
    StatusLine.shared.begin("loading \(checkpoint.path)")
    let model = try LoadedModel(running: checkpoint)
    let words = try words()
    let writing = ContinuousClock.now
    let windows = try await CalibrationWindows(
      of: texts, tokens: options.tokens, context: options.context, seed: UInt64(options.seed), model: model,
      tokenizer: words, workers: workers
    ) { done, count in
      try Interruption.check(path)
      Self.show("the model writes text: token", done, of: count, since: writing)
    }
    let calibrator = Calibrator(
      model, over: windows, isFisher: options.fisher, seed: UInt64(options.seed), isMergeable: options.mergeable,
      workers: workers)
    StatusLine.shared.begin("calibrating: step 1 of \(calibrator.sweep.stepCount)")
    StatusLine.shared.sayLast("decant: interrupted; nothing of the calibration is kept\n")
    return calibrator
  }

  /// The texts that are named, those of calibrations among them.
  private static func texts(of paths: [String]) throws(FileError) -> [CalibrationText] {
    guard !paths.isEmpty else { return CalibrationText.usual }
    var texts: [CalibrationText] = []
    for path in paths {
      let known = texts.count
      let isFile = path == "-" ? false : try FileSystem.isFile(path)
      if isFile, let calibration = try CalibrationFile(ifThereIsOneAt: path) {
        for (number, text) in calibration.settings.texts.enumerated() {
          guard let bytes = try calibration.text(number) else { continue }
          texts.append(CalibrationText(name: text.name, origin: .bytes(bytes)))
        }
        guard texts.count > known else {
          throw FileError(.unsupported, path: path, "is a calibration without texts, so that there is nothing to read")
        }
      } else {
        // Where it lies is no part of what was read.
        let name = path == "-" ? path : FileSystem.lastComponent(path)
        texts.append(CalibrationText(name: name, origin: .bytes(try TextFile.utf8(of: path))))
      }
      for new in known..<texts.count {
        if let other = texts[..<new].first(where: { $0.origin == texts[new].origin }) {
          throw FileError(
            .exists, path: path, subject: texts[new].name,
            "is the same text as \(FileError.quoted(other.name)), and would count twice")
        }
      }
    }
    return texts
  }

  private static func show(_ what: String, _ done: Int, of count: Int, since start: ContinuousClock.Instant) {
    let seconds = (ContinuousClock.now - start).seconds
    StatusLine.shared.show(
      "\(what) \(done) of \(count)", secondsLeft: seconds / Double(max(done, 1)) * Double(count - done))
  }
}
