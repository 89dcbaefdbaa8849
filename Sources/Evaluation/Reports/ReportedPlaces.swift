internal import Bytes
internal import JSON
public import Tokenizers

/// What a report has of the scored places: how values are distributed, and where they are greatest.
public struct ReportedPlaces: Hashable, Sendable {
  /// What was measured at each place.
  public enum Measure: String, Sendable {
    /// KL divergence of two models.
    case divergence = "kl"
    /// Negative log-likelihood of the right token.
    case nll
  }

  public let histogram: LogHistogram
  /// The worst first.
  public let worst: [Passage]
}

extension ReportedPlaces {
  /// - Parameter tokenizer: the one that the text was read with.
  public init(_ places: MeasuredPlaces, readBy tokenizer: Tokenizer) {
    self.init(histogram: places.histogram, worst: places.worst.map { Passage($0, readBy: tokenizer) })
  }

  /// - Parameter members: those of the measurement.
  init?(_ report: ReportMembers, _ measure: Measure, models: [String]) throws(FileError) {
    guard report.has(Self.histogramKey(measure)) || report.has(Self.worstKey) else { return nil }
    var bins: [LogHistogram.Bin] = []
    for bin in try report.objects(Self.histogramKey(measure)) {
      bins.append(.init(from: try bin.number("from"), to: try bin.number("to"), count: try bin.count("count")))
    }
    var worst: [Passage] = []
    for place in try report.objects(Self.worstKey) { worst.append(try Passage(place, measure, models: models)) }
    self.init(histogram: LogHistogram(bins: bins), worst: worst)
  }

  private static func histogramKey(_ measure: Measure) -> String { measure.rawValue + "_histogram" }
  private static let worstKey = "worst"

  /// Members of the object of a measurement.
  /// - Parameter models: what the models that were run are called.
  func members(_ measure: Measure, models: [String]) -> [String: JSONValue] {
    [
      Self.histogramKey(measure): .array(
        histogram.bins.map { ["from": .finite($0.from), "to": .finite($0.to), "count": .integer($0.count)] }),
      Self.worstKey: .array(worst.map { $0.json(measure, models: models) }),
    ]
  }
}

extension Passage {
  /// Keys: `window`, `position`, what was measured, `passage` (a list of tokens: `text`, what was measured of it, and
  /// `target` where it is the one), and for each model the tokens it found most likely (`text`, `probability`).
  fileprivate func json(_ measure: ReportedPlaces.Measure, models: [String]) -> JSONValue {
    var members: [String: JSONValue] = [
      "window": .integer(window), "position": .integer(position), measure.rawValue: .finite(value),
      "passage": .array(
        tokens.enumerated().map { number, token in
          var members: [String: JSONValue] = ["text": .string(token.text)]
          if number == target { members["target"] = true }
          members[measure.rawValue] = token.value.map(JSONValue.finite)
          return .object(members)
        }),
    ]
    for (model, choices) in zip(models, choices) {
      members[model] = .array(choices.map { ["text": .string($0.text), "probability": .finite($0.probability)] })
    }
    return .object(members)
  }

  fileprivate init(_ report: ReportMembers, _ measure: ReportedPlaces.Measure, models: [String]) throws(FileError) {
    var tokens: [Token] = []
    var target: Int?
    for token in try report.objects("passage") {
      if token.members["target"] == true { target = tokens.count }
      tokens.append(Token(text: try token.string("text"), value: try token.optionalNumber(measure.rawValue)))
    }
    var choices: [[Choice]] = []
    for model in models {
      var ofModel: [Choice] = []
      for choice in try report.objects(model) {
        ofModel.append(Choice(text: try choice.string("text"), probability: try choice.number("probability")))
      }
      choices.append(ofModel)
    }
    guard let target else {
      throw FileError(
        .malformed, path: report.path, subject: report.place + ".passage", "has no token marked as target")
    }
    self.init(
      window: try report.count("window"), position: try report.count("position"),
      value: try report.number(measure.rawValue), tokens: tokens, target: target, choices: choices)
  }
}
