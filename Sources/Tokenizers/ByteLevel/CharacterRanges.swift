/// A set of characters that an expression spells as `[…]`.
struct CharacterRanges: Sendable {
  /// What stands between the brackets: characters, and ranges of them with `-`.
  let text: String
  /// In order of their beginnings, none overlapping.
  private let ranges: [ClosedRange<UInt32>]
  private let lowest: UInt32

  init(_ text: String) {
    self.text = text
    var ranges: [ClosedRange<UInt32>] = []
    let scalars = Array(text.unicodeScalars)
    var index = 0
    while index < scalars.count {
      let first = scalars[index].value
      if index + 2 < scalars.count, scalars[index + 1] == "-" {
        ranges.append(first...max(first, scalars[index + 2].value))
        index += 3
      } else {
        ranges.append(first...first)
        index += 1
      }
    }
    ranges.sort { $0.lowerBound < $1.lowerBound }
    var joined: [ClosedRange<UInt32>] = []
    for range in ranges {
      if let last = joined.last, range.lowerBound <= last.upperBound {
        joined[joined.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        joined.append(range)
      }
    }
    self.ranges = joined
    lowest = joined.first?.lowerBound ?? .max
  }

  func contains(_ value: UInt32) -> Bool {
    // Most text is below all of most sets.
    guard value >= lowest else { return false }
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = low + (high - low) / 2
      if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
    }
    return low < ranges.count && ranges[low].contains(value)
  }

  /// End of the characters of the set from `start`; `start` where the first is none.
  func runEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
    var index = start
    while index < end {
      let (value, length) = UTF8Scalars.scalar(text, at: index)
      guard contains(value) else { break }
      index += length
    }
    return index
  }
}

extension CharacterRanges {
  /// The script Han, `\p{Han}` (Unicode 16, `Scripts.txt`).
  static let han = CharacterRanges(
    "\u{2E80}-\u{2E99}\u{2E9B}-\u{2EF3}\u{2F00}-\u{2FD5}\u{3005}\u{3007}\u{3021}-\u{3029}\u{3038}-\u{303B}"
      + "\u{3400}-\u{4DBF}\u{4E00}-\u{9FFF}\u{F900}-\u{FA6D}\u{FA70}-\u{FAD9}\u{16FE2}-\u{16FE3}\u{16FF0}-\u{16FF1}"
      + "\u{20000}-\u{2A6DF}\u{2A700}-\u{2B739}\u{2B740}-\u{2B81D}\u{2B820}-\u{2CEA1}\u{2CEB0}-\u{2EBE0}"
      + "\u{2EBF0}-\u{2EE5D}\u{2F800}-\u{2FA1D}\u{30000}-\u{3134A}\u{31350}-\u{323AF}")
}
