internal import Bytes

/// The parts of `model-00001-of-00002.safetensors`.
package struct NumberedName {
  package let base: Substring
  package let number: Int
  package let count: Int

  /// - Parameter ending: with its point, in lower case.
  package init?(_ name: String, ending: String) {
    guard let stem = name.droppingFileEnding(ending),
      let match = stem.wholeMatch(of: /(.+)-([0-9]{5,})-of-([0-9]{5,})/),
      let number = Int(match.2), let count = Int(match.3), number >= 1, number <= count
    else { return nil }
    base = match.1
    self.number = number
    self.count = count
  }
}
