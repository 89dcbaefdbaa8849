/// Where a `▁` goes before text that does not begin with one, as the `Metaspace` pre-tokenizer does it, so that a word
/// at the beginning looks as it does elsewhere.
struct SpacePrefix: Hashable, Sendable {
  enum Places: String, Hashable, Sendable, CaseIterable {
    case nowhere = "never"
    /// Only at the beginning of the whole text.
    case beginning = "first"
    /// At the beginning and after every special token.
    case everySegment = "always"
  }

  var places: Places
}
