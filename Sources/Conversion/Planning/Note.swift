public import Bytes

/// What a person should know of a job: one cause, and all that it concerns.
public struct Note: Hashable, Sendable, CustomStringConvertible {
  /// What is so, and why: a whole sentence, or what is said of the names.
  public let cause: String
  /// The tensors that it is said of, in the order of their layers; empty where the cause says everything.
  public let names: [String]
  /// What can be done about it.
  public let remedy: Remedy?

  /// The rule of a format that is not kept, if it is about one. `description` does not tell it.
  public let rule: String?

  public init(_ cause: String, of names: [String] = [], remedy: Remedy? = nil, rule: String? = nil) {
    self.cause = cause
    self.names = names.sorted(by: LayerNames.precedes)
    self.remedy = remedy
    self.rule = rule
  }

  public var description: String { description { $0.sentence } }

  /// One line, with a program's own words for what to do.
  public func description(remedy word: (Remedy) -> String) -> String {
    (subject.map { "\($0): " } ?? "") + cause + (remedy.map { "; " + word($0) } ?? "")
  }

  /// How many tensors of which layers.
  private var subject: String? {
    guard let first = names.first else { return nil }
    guard names.count > 1 else { return first }
    let inLayers = names.filter { LayerNames.layers(of: [$0]) != nil }
    let others = inLayers.count < names.count ? " and others" : ""
    return "\(names.count) tensors" + (LayerNames.layers(of: inLayers).map { " of \($0)\(others)" } ?? "")
      + ", such as \(first)"
  }
}

extension [Note] {
  /// Adds a note that is a sentence.
  mutating func append(_ sentence: String) { append(Note(sentence)) }
}
