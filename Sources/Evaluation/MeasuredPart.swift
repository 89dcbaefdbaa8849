public import Bytes

/// One of several parts of a measurement that machines share: each measures its share of the windows, and of the tensors.
/// It keeps what was found of every scored place, so that all parts together give the numbers that the whole gives.
public struct MeasuredPart: Hashable, Sendable {
  public let part: Part
  /// What tells the measurement from every other: the models, all windows of the text, options.
  public let fingerprint: String
  /// Windows of the whole text.
  public let windows: Int
  /// What was found of each scored place of the part, in the order of the text: `PairedPrediction.numbers` of two models,
  /// the negative log-likelihood of one.
  let numbers: [Double]
  /// The part's share of the tensors.
  let tensors: Tensors

  /// What reports of tensors do not tell, or not exactly.
  struct Tensors: Hashable, Sendable {
    /// Tensors of the whole measurement.
    var total = 0
    /// Of each tensor, in the order in which the report lists them: its number among those of the model, from 0.
    var numbers: [Int] = []
    var relativeSquaredErrors: [Double] = []
    var squaredErrors: [Double] = []
  }

  init(_ part: Part, of fingerprint: String, windows: Int, numbers: [Double], tensors: Tensors = Tensors()) {
    self.part = part
    self.fingerprint = fingerprint
    self.windows = windows
    self.numbers = numbers
    self.tensors = tensors
  }

  /// - Parameters:
  ///   - fingerprint: `MeasurementRecord.fingerprint` over the whole text.
  ///   - windows: those of the whole text.
  ///   - perplexity: of the windows of the part.
  public init(_ part: Part, of fingerprint: String, windows: Int, _ perplexity: Perplexity) {
    self.init(part, of: fingerprint, windows: windows, numbers: perplexity.nlls)
  }

  /// - Parameters:
  ///   - fingerprint: `MeasurementRecord.fingerprint` over the whole text.
  ///   - windows: those of the whole text.
  ///   - comparison: of the windows of the part.
  ///   - tensors: the part's share of those of the whole measurement, in the order of the model.
  ///   - total: how many tensors the whole measurement has.
  public init(
    _ part: Part, of fingerprint: String, windows: Int, _ comparison: Comparison, tensors: [TensorError],
    ofTotal total: Int
  ) {
    let first = part.share(of: total).lowerBound
    let order = TensorError.order(of: tensors)
    self.init(
      part, of: fingerprint, windows: windows, numbers: comparison.predictions.flatMap(\.numbers),
      tensors: Tensors(
        total: total, numbers: order.map { first + $0 },
        relativeSquaredErrors: order.map { tensors[$0].relativeSquaredError },
        squaredErrors: order.map { tensors[$0].squaredError }))
  }
}
