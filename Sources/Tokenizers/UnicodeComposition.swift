@_spi(_Unicode) internal import Swift

/// Unicode's normalization form C, from the standard library's own tables. Foundation has it too, at the price of
/// linking all of ICU's data.
enum UnicodeComposition {
  /// The text in form C, as UTF-8; nil where it is in that form already.
  static func composed(_ text: [UInt8], _ range: Range<Int>) -> [UInt8]? {
    // Below U+0300, of which the first byte in UTF-8 is 0xCC, every text is in form C.
    guard text[range].contains(where: { $0 >= 0xCC }) else { return nil }
    var composed: [UInt8] = []
    composed.reserveCapacity(range.count)
    for scalar in String(decoding: text[range], as: UTF8.self)._nfc {
      composed.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }
    return composed.elementsEqual(text[range]) ? nil : composed
  }
}
