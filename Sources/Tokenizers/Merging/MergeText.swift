/// A merge written as one string: two tokens with a space between.
enum MergeText {
  /// The first space after the first character divides, as in llama.cpp; nil where there is none or nothing follows.
  static func pair(_ text: String) -> (left: String, right: String)? {
    let bytes = text.utf8
    guard !bytes.isEmpty,
      let space = bytes.dropFirst().firstIndex(of: UInt8(ascii: " ")),
      bytes.index(after: space) < bytes.endIndex
    else { return nil }
    return (String(text[..<space]), String(text[bytes.index(after: space)...]))
  }

  /// A space inside a token would divide at the wrong place: it is written as byte-level vocabularies write it, U+0120.
  static func text(_ left: String, _ right: String) -> String { safe(left) + " " + safe(right) }

  private static func safe(_ token: String) -> String {
    guard token.utf8.contains(UInt8(ascii: " ")) else { return token }
    var safe = String.UnicodeScalarView()
    for scalar in token.unicodeScalars { safe.append(scalar == " " ? "\u{120}" : scalar) }
    return String(safe)
  }
}
