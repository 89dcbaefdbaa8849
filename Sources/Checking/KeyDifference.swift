public import Tensors

/// One setting that two models have otherwise.
public struct KeyDifference: Hashable, Sendable {
  /// Where it is said: `metadata`, `config.json`, `tokenizer`.
  public let place: String
  public let key: String
  /// nil where it is not said.
  public let before: MetadataValue?
  public let after: MetadataValue?

  /// What differs between two lists of keys, in the order of the first, then what only the second has.
  static func all(
    in place: String, _ before: [(key: String, value: MetadataValue)], _ after: [(key: String, value: MetadataValue)],
    leavingOut isLeftOut: (String) -> Bool = { _ in false }
  ) -> [KeyDifference] {
    let one = Dictionary(before.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    let other = Dictionary(after.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    let keys = before.map(\.key) + after.map(\.key).filter { one[$0] == nil }
    return keys.compactMap { key in
      guard !isLeftOut(key), !isSame(one[key], other[key]) else { return nil }
      return KeyDifference(place: place, key: key, before: one[key], after: other[key])
    }
  }

  /// The same text is the same in UTF-8: Unicode counts more as equal.
  private static func isSame(_ one: MetadataValue?, _ other: MetadataValue?) -> Bool {
    switch (one, other) {
    case (.string(let one), .string(let other)): one.utf8.elementsEqual(other.utf8)
    // Bit patterns: a NaN is what it is.
    case (.float32(let one), .float32(let other)): one.bitPattern == other.bitPattern
    case (.float64(let one), .float64(let other)): one.bitPattern == other.bitPattern
    case (.float32s(let one), .float32s(let other)): one.map(\.bitPattern) == other.map(\.bitPattern)
    default: one == other
    }
  }
}
