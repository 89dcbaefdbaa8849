/// A token that is looked for in text before the text is cut into words.
struct AddedToken: Hashable, Sendable {
  var id: Int32
  var content: String
  /// Whether it steers the model, and is only looked for when asked.
  var isSpecial: Bool
  /// Whether whitespace before it belongs to it.
  var stripsLeft = false
  /// Whether whitespace after it belongs to it.
  var stripsRight = false
  /// Whether it counts only where no letter, number or underscore touches it.
  var isSingleWord = false
  /// Whether it is looked for after the normalizer, which its own text goes through as well.
  var isNormalized = false
}
