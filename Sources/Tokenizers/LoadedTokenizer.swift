/// A tokenizer from files, and what a GGUF file stores of it.
public struct LoadedTokenizer: Sendable {
  public let tokenizer: Tokenizer
  public let vocabulary: GGUFVocabulary
  /// What GGUF has no keys for.
  public let kept: KeptTokenizer
  /// Which of that changes the ids of some texts, as parts of a sentence.
  public let losses: [String]
  /// The file that the vocabulary came from.
  public let path: String
}
