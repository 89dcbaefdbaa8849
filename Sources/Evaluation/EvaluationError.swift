/// Why a measurement cannot be made, as one sentence.
public enum EvaluationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The text is too short: two windows are the least.
  case tooFewTokens(count: Int, contextLength: Int)
  /// The context cannot be halved into something to read and something to predict.
  case contextTooShort(Int)
  /// At least one chunk must be asked for.
  case noChunks
  /// Two models cannot be compared token by token.
  case vocabulariesDiffer(before: Int, after: Int)
  /// A token of the text that the model has no logit for.
  case tokenOutsideVocabulary(token: Int32, vocabularySize: Int)
  /// A logit is infinite or not a number.
  case notFinite(model: String, chunk: Int, position: Int)
  /// Even one window at a time takes more memory than is allowed. In bytes.
  case tooLittleMemory(needed: Double, allowed: Int, contextLength: Int)
  /// A pair of tensors of different shapes.
  case shapesDiffer(name: String, before: [Int], after: [Int])

  public var description: String {
    switch self {
    case .tooFewTokens(let count, let contextLength):
      """
      the text has \(count) tokens, but two windows of \(contextLength) need \(2 * contextLength); use more text or a \
      shorter context
      """
    case .contextTooShort(let length):
      "a context of \(length) tokens is too short; at least 4 are needed"
    case .noChunks:
      "at least one chunk must be measured"
    case .vocabulariesDiffer(let before, let after):
      """
      the models have vocabularies of \(before) and \(after) tokens; only models with the same tokenizer can be \
      compared
      """
    case .tokenOutsideVocabulary(let token, let size):
      "the text contains token \(token), but the model knows \(size); is the tokenizer the model's own?"
    case .notFinite(let model, let chunk, let position):
      """
      the \(model) gives logits that are infinite or not a number at chunk \(chunk + 1), position \(position); its \
      weights are damaged or too large
      """
    case .tooLittleMemory(let needed, let allowed, let contextLength):
      """
      running windows of \(contextLength) tokens takes \(NumberText.bytes(Int(min(needed, 1e18)))) of memory, and \
      \(NumberText.bytes(allowed)) are allowed; shorter windows and fewer workers take less
      """
    case .shapesDiffer(let name, let before, let after):
      "tensor \"\(name)\" has shape \(before) on one side and \(after) on the other"
    }
  }
}
