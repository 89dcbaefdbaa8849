@_spi(_Unicode) import Swift
import Testing

@testable import Tokenizers

/// Form C of texts with many marks, which Unicode orders by their class.
@Suite struct CompositionTests {
  private func composed(_ text: String) -> [Unicode.Scalar] {
    let bytes = Array(text.utf8)
    let composed = UnicodeComposition.composed(bytes, 0..<bytes.count) ?? bytes
    return Array(String(decoding: composed, as: UTF8.self).unicodeScalars)
  }

  /// As Python's `unicodedata.normalize("NFC", text)` gives them.
  static let cases: [(text: String, composed: String)] = [
    ("e\u{301}", "\u{E9}"), ("e\u{301}\u{323}", "\u{1EB9}\u{301}"),
    ("\u{344}\u{F81}", "\u{F71}\u{F80}\u{308}\u{301}"), ("e\u{301}\u{F73}", "\u{E9}\u{F71}\u{F72}"),
    ("\u{F75}\u{F73}x", "\u{F71}\u{F71}\u{F72}\u{F74}x"), ("\u{1100}\u{1161}\u{11A8}", "\u{AC01}"),
    ("\u{F75}a\u{301}\u{F81}", "\u{F71}\u{F74}\u{E1}\u{F71}\u{F80}"),
  ]

  @Test(arguments: cases.indices) func isThatOfUnicode(_ index: Int) {
    #expect(composed(Self.cases[index].text) == Array(Self.cases[index].composed.unicodeScalars))
  }

  /// More marks than the standard library is given, which has the same answer and takes the square of the time.
  @Test(arguments: [31, 32, 33, 100, 400]) func manyMarksAreThoseOfTheStandardLibrary(_ count: Int) {
    let marks = ["\u{301}", "\u{323}", "\u{344}", "\u{345}", "\u{338}", "\u{31B}", "\u{F71}", "\u{302}"]
    var text = "éx\u{1F82}"
    for index in 0..<count { text += marks[index * index % 31 % marks.count] }
    text += "\u{AC00}\u{11A8}e\u{301}"
    #expect(composed(text) == Array(text._nfc))
  }

  @Test func aLongRunOfMarksIsSoonDone() {
    let pairs = LongText.length / 2
    let marks = composed("a" + String(repeating: "\u{301}\u{323}", count: pairs))
    #expect(marks.count == 2 * pairs)
    #expect(marks.first == "\u{1EA1}" && marks.last == "\u{301}")
  }
}
