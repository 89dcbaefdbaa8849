internal import Bytes
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
    for scalar in inOrder(String(decoding: text[range], as: UTF8.self))._nfc {
      composed.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }
    return composed.elementsEqual(text[range]) ? nil : composed
  }

  /// The same text in form D where the standard library would be slow to order its marks, or wrong. It takes a time that
  /// grows with the square of a character's marks, unless they are in order.
  private static func inOrder(_ text: String) -> String {
    guard !StreamSafeText.holds(text) || text.unicodeScalars.contains(where: isMadeOfMarks) else { return text }
    var ordered = String.UnicodeScalarView()
    var marks: [(order: Unicode.CanonicalCombiningClass, scalar: Unicode.Scalar)] = []
    func endCharacter() {
      // The sort is stable, as Unicode's canonical order is.
      marks.sort { $0.order < $1.order }
      ordered.append(contentsOf: marks.lazy.map(\.scalar))
      marks.removeAll(keepingCapacity: true)
    }
    for scalar in text.unicodeScalars.lazy.flatMap({ String($0)._nfd }) {
      let order = scalar.properties.canonicalCombiningClass
      if order == .notReordered {
        endCharacter()
        ordered.append(scalar)
      } else {
        marks.append((order, scalar))
      }
    }
    endCharacter()
    return String(ordered)
  }

  /// Whether a scalar is no mark and consists of marks, which the standard library does not order among others. There
  /// are no more than these, and will not be.
  private static func isMadeOfMarks(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "\u{0F73}" || scalar == "\u{0F75}" || scalar == "\u{0F81}"
  }
}
