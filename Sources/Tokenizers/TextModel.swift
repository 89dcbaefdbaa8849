/// The part of a tokenizer that turns normalized text without special tokens into ids and back.
protocol TextModel: Sendable {
  /// Appends the ids of `text[range]`, valid UTF-8.
  /// - Parameter isFirst: whether the range begins the whole text, rather than following a special token.
  func encode(
    _ text: [UInt8], _ range: Range<Int>, isFirst: Bool, _ workspace: inout Workspace, into ids: inout [Int32])

  /// Appends the bytes that a token stands for.
  func decode(_ token: String, _ type: TokenType, into bytes: inout [UInt8])
}

/// What one call of `encode` keeps between words.
struct Workspace {
  var merger = PairMerger()
  var cache = WordCache()
}
