/// Unicode's Stream-Safe Text Format (UAX #15, section 13): no character has more than 30 marks.
///
/// Comparing or hashing a `String` puts the marks of a character in order, in a time that grows with the square of their
/// number: a name of 400 KB can take 20 seconds. Text from a file is held against this before it is compared.
public enum StreamSafeText {
  public static let mostMarks = 30

  public static func holds(_ text: String) -> Bool {
    // The first mark is U+0300, which begins with the byte 0xCC.
    guard text.utf8.contains(where: { $0 >= 0xCC }) else { return true }
    // Of too many in a row, one stands at a place that is a multiple of their number: ordinary text is looked at there.
    var place = 0
    let mayHaveMore = text.unicodeScalars.contains { scalar in
      defer { place += 1 }
      return place.isMultiple(of: mostMarks + 1) && scalar.properties.canonicalCombiningClass != .notReordered
    }
    guard mayHaveMore else { return true }
    var marks = 0
    for scalar in text.unicodeScalars {
      marks = scalar.properties.canonicalCombiningClass == .notReordered ? 0 : marks + 1
      if marks > mostMarks { return false }
    }
    return true
  }
}
