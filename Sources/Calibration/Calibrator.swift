public import Bytes
public import Conversion
public import Inference
internal import Quantization

/// Makes a calibration file of a model and windows of text.
public struct Calibrator: Sendable {
  public let sweep: MomentSweep
  public let settings: CalibrationSettings
  private let windows: CalibrationWindows

  public init(
    _ model: LoadedModel, over windows: CalibrationWindows, isFisher: Bool, seed: UInt64, isMergeable: Bool = false,
    workers: Workers
  ) {
    var sweep = MomentSweep(model: model, batches: windows.batches, isFisher: isFisher, workers: workers)
    sweep.seed = seed
    self.sweep = sweep
    self.windows = windows
    settings = CalibrationSettings(
      model: FileSystem.lastComponent(model.name), context: windows.context, isFisher: isFisher,
      seed: Int(truncatingIfNeeded: seed),
      texts: windows.kinds.map { kind in
        CalibrationSettings.Text(
          name: kind.name, tokens: kind.counted.count * windows.context,
          heldBackTokens: kind.heldBack.count * windows.context)
      }, isMergeable: isMergeable)
  }

  private var sampleTokens: Int {
    min(settings.texts.reduce(0) { $0 + $1.heldBackTokens }, sweep.sampleTokens)
  }

  private var contents: CalibrationWriter.Contents {
    CalibrationWriter.Contents(
      layers: sweep.layers, settings: settings, texts: windows.kinds.map(\.text),
      heldBack: windows.kinds.map(\.heldBack), sampleTokens: sampleTokens)
  }

  /// A calibration that is half made: what layers are given is known.
  public struct Start: Sendable {
    public let calibration: CalibrationUnderway
    fileprivate let sweep: MomentSweep.Start
  }

  /// Begins a calibration that serves one output while it is made, and is not kept.
  /// - Parameters:
  ///   - path: what errors call it.
  ///   - name: what records call it.
  ///   - output: what it is made for. The scratch file is beside it.
  ///   - progress: is called with steps that are done and all of them.
  /// - Throws: `FileError` when activations are not finite; `CancellationError`.
  public func start(
    path: String, name: String, for output: String, progress: (_ done: Int, _ of: Int) -> Void
  ) async throws -> Start {
    var done = 0
    let start = try await sweep.start(scratchIn: FileSystem.parent(output)) {
      done += 1
      if Interruption.signal != nil {
        throw FileError(
          .interrupted, path: output, "interrupted while the model was calibrated, of which nothing is kept")
      }
      progress(done, sweep.stepCount)
    }
    return Start(
      calibration: try CalibrationUnderway(path: path, name: name, contents, squares: start.squares), sweep: start)
  }

  /// Does the rest.
  /// - Parameters:
  ///   - progress: as for `start`.
  ///   - pour: is called when all that is known of some linear layers is there, which is forgotten after that.
  public func complete(
    _ start: Start, progress: (_ done: Int, _ of: Int) -> Void, pour: () async throws -> Void
  ) async throws {
    let calibration = start.calibration
    var done = sweep.stepsForward
    try await sweep.complete(start.sweep) {
      done += 1
      try Interruption.check(calibration.path)
      progress(done, sweep.stepCount)
    } finish: {
      try calibration.add($0)
    } leave: {
      try await pour()
      calibration.forget()
    }
    calibration.complete()
  }

  /// - Parameters:
  ///   - reading: paths of files that it is made of.
  ///   - progress: is called with steps that are done and all of them.
  /// - Returns: what is left beside the file and could not be removed.
  /// - Throws: `FileError` when a file cannot be read or written, or activations are not finite; `CancellationError`.
  public func write(
    to path: String, reading: [String], replacing: Bool, progress: (_ done: Int, _ of: Int) -> Void
  ) async throws -> [FileError] {
    let writer = try CalibrationWriter(path: path, contents, reading: reading, replacing: replacing)
    var done = 0
    do {
      try await sweep.run(scratchIn: FileSystem.parent(path)) {
        done += 1
        try Interruption.check(path)
        progress(done, sweep.stepCount)
      } finish: {
        try writer.write($0)
      }
    } catch let error as FileError {
      throw writer.stopped(by: error)
    }
    return try writer.commit()
  }
}
