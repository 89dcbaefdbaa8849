/// Where a space goes before text, so that a word at the beginning looks as it does elsewhere.
struct SpacePrefix: Hashable, Sendable {
  enum Places: Hashable, Sendable {
    case nowhere
    /// Only at the beginning of the whole text.
    case beginning
    /// At the beginning and after every special token.
    case everySegment
  }

  var places: Places
  /// Whether text that begins with a space stays as it is.
  var unlessPresent = false
}
