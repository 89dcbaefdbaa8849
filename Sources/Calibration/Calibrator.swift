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
      model: model.name, context: windows.context, isFisher: isFisher, seed: Int(truncatingIfNeeded: seed),
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
      } finish: { layers in
        for layer in layers { try writer.write(layer) }
      }
    } catch let error as FileError {
      throw writer.stopped(by: error)
    }
    return try writer.commit()
  }
}
