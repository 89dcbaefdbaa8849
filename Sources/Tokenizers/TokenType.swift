/// What a vocabulary entry is for; the numbers are those of `tokenizer.ggml.token_type` and of SentencePiece.
public enum TokenType: Int32, Hashable, Sendable, CaseIterable {
  /// A piece of text.
  case normal = 1
  /// Stands for what nothing else covers.
  case unknown = 2
  /// Steers the model and is never made from plain text: begin, end, roles of a chat.
  case control = 3
  /// Added after training: found in text before anything else is done to it.
  case userDefined = 4
  /// A row of the embedding without a meaning.
  case unused = 5
  /// One byte, for text that no piece covers.
  case byte = 6
}
