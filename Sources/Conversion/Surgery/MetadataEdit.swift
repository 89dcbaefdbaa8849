/// What is to be done to one key of a file's metadata.
public enum MetadataEdit: Hashable, Sendable {
  /// - Parameters:
  ///   - element: of an array: its number, or the token whose element it is.
  ///   - type: as listings show it, `u32` or `[string]`; nil to keep the one that is there.
  case set(key: String, element: String?, type: String?, value: String)
  case remove(key: String)
  case rename(key: String, to: String)

  /// Reads `KEY=VALUE`, `KEY:TYPE=VALUE`, `KEY[ELEMENT]=VALUE`; nil where it is none.
  public init?(setting text: String) {
    guard var mark = text.firstIndex(where: { $0 == "=" || $0 == "[" }), mark != text.startIndex else { return nil }
    // Behind a colon it begins the type of a list.
    if text[mark] == "[", text[text.index(before: mark)] == ":" {
      guard let equals = text[mark...].firstIndex(of: "=") else { return nil }
      mark = equals
    }
    if text[mark] == "[" {
      // A token may have brackets and equals signs in it.
      guard let end = text.range(of: "]=", after: mark) else { return nil }
      let element = text[text.index(after: mark)..<end.lowerBound]
      guard !element.isEmpty else { return nil }
      self = .set(
        key: String(text[..<mark]), element: String(element), type: nil, value: String(text[end.upperBound...]))
      return
    }
    var (key, type): (Substring, String?) = (text[..<mark], nil)
    let value = String(text[text.index(after: mark)...])
    if let colon = key.lastIndex(of: ":") {
      let name = String(key[key.index(after: colon)...])
      if MetadataSpelling.typeNames.contains(name) { (key, type) = (key[..<colon], name) }
    }
    guard !key.isEmpty else { return nil }
    self = .set(key: String(key), element: nil, type: type, value: value)
  }

  /// Reads `OLD=NEW`; nil where it is none.
  public init?(renaming text: String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
    self = .rename(key: String(parts[0]), to: String(parts[1]))
  }
}

extension String {
  /// Where `part` is found first, behind a place.
  fileprivate func range(of part: String, after place: Index) -> Range<Index>? {
    var start = place
    while start < endIndex {
      if self[start...].hasPrefix(part) { return start..<index(start, offsetBy: part.count) }
      start = index(after: start)
    }
    return nil
  }
}
