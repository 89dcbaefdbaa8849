public import Bytes
public import Tokenizers

/// A text cut into the windows that perplexity is measured on, by the rules of llama-perplexity: windows of
/// `contextLength` tokens one after the other without overlap, the first token of each replaced by the token that
/// begins a sequence, every window read from an empty context, and the predictions of its second half scored.
public struct EvaluationWindows: Hashable, Sendable {
  /// Tokens of a window.
  public let contextLength: Int
  /// Windows of `contextLength` tokens.
  public let windows: [[Int32]]
  /// Number of the first of them in the text, from 0; more where they are a part of it.
  public private(set) var firstNumber = 0

  /// Places whose predictions are scored: from the middle of the window to the last place that has a next token.
  public var positions: Range<Int> { Self.positions(ofContext: contextLength) }

  /// Those of windows of so many tokens; none where these are too few for any.
  static func positions(ofContext contextLength: Int) -> Range<Int> {
    contextLength / 2..<max(contextLength - 1, contextLength / 2)
  }

  /// Scored predictions in all windows.
  public var scoredCount: Int { windows.count * positions.count }

  /// - Parameters:
  ///   - tokens: the whole text, with the token that begins a sequence in front if the tokenizer adds one.
  ///   - contextLength: tokens of a window.
  ///   - beginningOfSequence: replaces the first token of each window; nil if the tokenizer adds none.
  ///   - limit: at most this many windows, all where nothing is said.
  /// - Throws: `EvaluationError` when there are fewer tokens than two windows have.
  public init(
    tokens: [Int32], contextLength: Int = 512, beginningOfSequence: Int32?, limit: Int? = nil
  ) throws(EvaluationError) {
    guard contextLength >= 4 else { throw .contextTooShort(contextLength) }
    if let limit, limit < 1 { throw .noChunks }
    guard tokens.count / 2 >= contextLength else {
      throw .tooFewTokens(count: tokens.count, contextLength: contextLength)
    }
    let count = min(tokens.count / contextLength, limit ?? Int.max)
    self.contextLength = contextLength
    self.windows = (0..<count).map { index in
      var window = Array(tokens[index * contextLength..<(index + 1) * contextLength])
      if let beginningOfSequence { window[0] = beginningOfSequence }
      return window
    }
  }

  /// Windows as they are, of which there must be one at least.
  /// - Throws: `EvaluationError` when they are too short or of several lengths.
  public init(_ windows: [[Int32]]) throws(EvaluationError) {
    let length = windows.first?.count ?? 0
    guard length >= 4 else { throw .contextTooShort(length) }
    guard windows.allSatisfy({ $0.count == length }) else { throw .contextTooShort(windows.map(\.count).min() ?? 0) }
    contextLength = length
    self.windows = windows
  }

  /// - Parameters:
  ///   - text: what is to be predicted.
  ///   - tokenizer: the model's own.
  /// - Throws: `EvaluationError` when there are fewer tokens than two windows have.
  public init(
    of text: String, readBy tokenizer: Tokenizer, contextLength: Int = 512, limit: Int? = nil
  ) throws(EvaluationError) {
    try self.init(
      tokens: tokenizer.encode(text), contextLength: contextLength,
      beginningOfSequence: tokenizer.addsBOS ? tokenizer.bosID : nil, limit: limit)
  }

  private init(contextLength: Int, windows: [[Int32]], firstNumber: Int) {
    self.contextLength = contextLength
    self.windows = windows
    self.firstNumber = firstNumber
  }

  /// What falls to a part of them: none, where there are more parts than windows.
  public func part(_ part: Part) -> EvaluationWindows {
    let share = part.share(of: windows.count)
    return EvaluationWindows(
      contextLength: contextLength, windows: Array(windows[share]), firstNumber: firstNumber + share.lowerBound)
  }

  /// The token that is to be predicted at a place of a window.
  func target(window: Int, position: Int) -> Int { Int(windows[window][position + 1]) }

  /// Ranges of windows that are run together, from a window on: about `tokens` tokens, at least one window.
  func batches(ofTokens tokens: Int, from first: Int = 0) -> [Range<Int>] {
    let size = max(1, tokens / contextLength)
    return stride(from: first, to: windows.count, by: size).map { $0..<min($0 + size, windows.count) }
  }
}
