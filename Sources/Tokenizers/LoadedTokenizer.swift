/// A tokenizer from files, and what a GGUF file stores of it.
public struct LoadedTokenizer: Sendable {
  public let tokenizer: Tokenizer
  /// GGUF cannot hold everything: tokens that take whitespace with them lose that, and merges of characters are turned
  /// into scores.
  public let vocabulary: GGUFVocabulary
  /// The file that the vocabulary came from.
  public let path: String
}
