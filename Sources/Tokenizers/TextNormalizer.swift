/// What is done to a stretch of text between added tokens before it is cut into words. Added tokens that say so are
/// looked for after it.
struct TextNormalizer: Hashable, Sendable {
  /// Whether text is brought to Unicode's form C.
  var composes = false
  /// Whether spaces at both ends go, and several in a row become one.
  var removesExtraSpaces = false
  /// Whether a `▁` goes in front, whatever is there.
  var prependsSpace = false
  /// Whether every space becomes `▁`.
  var escapesSpaces = false

  /// `▁` in UTF-8.
  static let space: [UInt8] = [0xE2, 0x96, 0x81]

  /// The text as it is looked at afterwards; nil where nothing changes.
  func normalized(_ text: [UInt8], _ range: Range<Int>) -> [UInt8]? {
    guard !range.isEmpty else { return nil }
    guard removesExtraSpaces || prependsSpace || escapesSpaces else {
      return composes ? UnicodeComposition.composed(text, range) : nil
    }
    var stretch = text[range]
    if composes, let composed = UnicodeComposition.composed(text, range) { stretch = composed[...] }
    if removesExtraSpaces {
      stretch = ArraySlice(
        stretch.split(separator: UInt8(ascii: " ")).joined(separator: CollectionOfOne(UInt8(ascii: " "))))
    }
    guard !stretch.isEmpty else { return [] }
    var result: [UInt8] = []
    result.reserveCapacity(stretch.count + stretch.count / 2)
    if prependsSpace { result += Self.space }
    for byte in stretch {
      if escapesSpaces, byte == UInt8(ascii: " ") { result += Self.space } else { result.append(byte) }
    }
    return result
  }

  /// The same of a token's text.
  func normalized(_ text: String) -> String {
    let bytes = Array(text.utf8)
    return normalized(bytes, 0..<bytes.count).map { String(decoding: $0, as: UTF8.self) } ?? text
  }
}
