public import Tokenizers

/// A place where a measurement found much, as text: what stands around it, and what was expected there.
public struct Passage: Hashable, Sendable {
  /// A token of the text.
  public struct Token: Hashable, Sendable {
    /// Its bytes; those that are no UTF-8 by themselves, such as half a character, as `\xE2`.
    public let text: String
    /// What was measured of its prediction, in nats; nil where it was not scored.
    public let value: Double?
  }

  /// A token that a model found likely.
  public struct Choice: Hashable, Sendable {
    public let text: String
    /// 0 to 1.
    public let probability: Double
  }

  /// Number of the window, from 0.
  public let window: Int
  /// Place in the window of the token that was to be predicted, from 0.
  public let position: Int
  /// What was measured there, in nats.
  public let value: Double
  public let tokens: [Token]
  /// Which of the tokens was to be predicted.
  public let target: Int
  /// What each model found most likely in its place, the most likely first.
  public let choices: [[Choice]]
}

extension Passage {
  /// - Parameter tokenizer: the one that the text was read with.
  public init(_ place: MeasuredPlace, readBy tokenizer: Tokenizer) {
    func text(_ id: Int32) -> String { Self.text(tokenizer.bytes(of: id)) }
    self.init(
      window: place.window, position: place.position, value: place.value,
      tokens: place.passage.map { Token(text: text($0.id), value: $0.value) }, target: place.target,
      choices: place.chances.map { $0.map { Choice(text: text($0.token), probability: $0.probability) } })
  }

  /// Bytes as text, with those that are no UTF-8 spelled out.
  static func text(_ bytes: [UInt8]) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    var (text, rest) = ("", bytes[...])
    while let first = rest.first {
      // A character has four bytes at most.
      let length = (1...min(4, rest.count)).first { String(validating: rest.prefix($0), as: UTF8.self) != nil }
      if let length {
        text += String(decoding: rest.prefix(length), as: UTF8.self)
      } else {
        text += "\\x" + (first < 16 ? "0" : "") + String(first, radix: 16, uppercase: true)
      }
      rest = rest.dropFirst(length ?? 1)
    }
    return text
  }
}
