public import Bytes
public import Inference
internal import Conversion
internal import Quantization

/// What a calibration will take, before it is made.
public struct CalibrationPrice: Sendable {
  /// Bytes of the file, about: texts that the model writes have a length that is known later.
  public let fileBytes: Int
  /// Bytes of the scratch file.
  public let scratchBytes: Int
  /// Bytes of memory, about.
  public let memory: Double
  /// Additions and multiplications.
  public let operations: Double
  /// About, by what products were measured to take here.
  public let seconds: Double

  /// - Parameters:
  ///   - texts: how many kinds of text there are.
  ///   - tokens: of all of them together.
  public init(
    _ model: LoadedModel, texts: Int, tokens: Int, context: Int, isFisher: Bool, isMergeable: Bool = false,
    workers: Workers
  ) {
    let windows = max(2, tokens / max(1, texts) / context) * texts
    let sweep = MomentSweep(
      model: model,
      batches: [
        .init(windows: Array(repeating: Array(repeating: 0, count: context), count: windows), isHeldBack: false)
      ],
      isFisher: isFisher, workers: workers)
    scratchBytes = sweep.scratchByteCount
    memory = sweep.memory(batchTokens: max(context, CalibrationWindows.batchTokens))
    let sample = min(windows * context / 8, sweep.sampleTokens)
    let size = isMergeable ? 8 : 4
    fileBytes = sweep.layers.reduce(0) { sum, layer in
      let inputs = size * SymmetricMoments.count(order: layer.inputs) + (size + 2 * sample) * layer.inputs
      let gradients =
        layer.hasGradients ? size * SymmetricMoments.count(order: layer.outputs) + 2 * sample * layer.outputs : 0
      return sum + inputs + gradients
    }
    operations = sweep.operations
    seconds = operations / sweep.measuredRate()
  }
}
