/// The settings at the top of a README.md, between two lines `---`: what model cards say to programs. They are YAML, of
/// which the forms that cards are written in are read: `key: text`, `key: [a, b]`, and lists of one text a line. Anything
/// else counts as not said; nothing is refused because of it.
struct FrontMatter {
  private var values: [String: [String]] = [:]

  /// Longest settings that are looked at.
  private static let longest = 1 << 20

  /// - Parameter card: the whole file.
  init(of card: [UInt8]) {
    let text = String(decoding: card.prefix(Self.longest), as: UTF8.self)
    var lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }[...]
    guard lines.popFirst() == "---" else { return }
    if let end = lines.firstIndex(of: "---") { lines = lines[..<end] }
    while let line = lines.popFirst() {
      guard let (key, rest) = Self.member(line) else { continue }
      var items: [String] = []
      if rest.isEmpty {
        // A list may be indented or not; other indented lines belong to a mapping, which is not read.
        while let next = lines.first, next.isEmpty || next.first == " " || next.first == "-" {
          lines.removeFirst()
          let entry = next.drop { $0 == " " }
          if entry.hasPrefix("- "), let item = Self.scalar(entry.dropFirst(2)) { items.append(item) }
        }
      } else if rest.first == "[" {
        items = Self.list(rest)
      } else if let item = Self.scalar(rest) {
        items = [item]
      }
      if !items.isEmpty, values[key] == nil { values[key] = items }
    }
  }

  /// All texts of a key.
  subscript(key: String) -> [String] { values[key] ?? [] }

  /// `key: rest` at the beginning of a line.
  private static func member(_ line: Substring) -> (key: String, rest: Substring)? {
    guard let first = line.first, first.isLetter, let colon = line.firstIndex(of: ":") else { return nil }
    let rest = line[line.index(after: colon)...]
    guard rest.isEmpty || rest.first == " " || rest.first == "\t" else { return nil }
    let value = rest.drop { $0 == " " || $0 == "\t" }
    return (String(line[..<colon]), value.first == "#" ? "" : value)
  }

  /// A text with or without quotes; nil for what is none: nothing, a mapping, a text over several lines.
  private static func scalar(_ text: Substring) -> String? {
    let text = trimmed(text)
    guard let first = text.first else { return nil }
    if first == "\"" || first == "'" {
      guard let (value, rest) = quoted(text), rest.isEmpty || rest.first == "#" else { return nil }
      return value
    }
    guard !"[{&*!|>%@`".contains(first) else { return nil }
    var plain = text
    if let comment = plain.firstRange(of: " #") { plain = trimmed(plain[..<comment.lowerBound]) }
    guard !plain.contains(": "), plain.last != ":", plain != "null", plain != "~" else { return nil }
    return plain.isEmpty ? nil : String(plain)
  }

  /// A list in brackets on one line.
  private static func list(_ text: Substring) -> [String] {
    var items: [String] = []
    var rest = text.dropFirst()
    while true {
      rest = rest.drop { $0 == " " || $0 == "," }
      guard let first = rest.first, first != "]" else { return items }
      if first == "\"" || first == "'" {
        guard let (value, after) = quoted(rest) else { return [] }
        items.append(value)
        rest = after
      } else {
        let end = rest.firstIndex { $0 == "," || $0 == "]" }
        guard let end else { return [] }
        if let item = scalar(rest[..<end]) { items.append(item) }
        rest = rest[end...]
      }
    }
  }

  /// A text in quotes, and what follows it after spaces.
  private static func quoted(_ text: Substring) -> (value: String, rest: Substring)? {
    guard let quote = text.first else { return nil }
    var value = ""
    var rest = text.dropFirst()
    while let character = rest.popFirst() {
      if character == quote {
        if quote == "'", rest.first == "'" {
          value.append(rest.removeFirst())
          continue
        }
        return (value, rest.drop { $0 == " " })
      }
      if quote == "\"", character == "\\" {
        // Of the escapes, those of characters that would end the text.
        guard let escaped = rest.popFirst(), escaped == "\"" || escaped == "\\" else { return nil }
        value.append(escaped)
      } else {
        value.append(character)
      }
    }
    return nil
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0 == " " || $0 == "\t" }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return text
  }
}
