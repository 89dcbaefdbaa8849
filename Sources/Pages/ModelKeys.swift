internal import Evaluation

/// Short names for models, so that a chart can name many: A, B, C ...
enum ModelKeys {
  /// `A` for 0, `Z` for 25, `A1` for 26.
  static func key(_ number: Int) -> String {
    let letter = String(UnicodeScalar(UInt8(65 + number % 26)))
    return number < 26 ? letter : letter + String(number / 26)
  }

  /// Names without what all of them begin with, up to a mark between words; as they are where too little would be left.
  static func short(_ names: [String]) -> [String] {
    let names = names.map(SafeText.name)
    guard names.count > 1, let first = names.first else { return names }
    var common = first[...]
    for name in names.dropFirst() {
      common = common.prefix(zip(common, name).prefix { $0 == $1 }.count)
    }
    guard let end = common.lastIndex(where: { "-_. /".contains($0) }) else { return names }
    let length = common[...end].count
    let cut = names.map { String($0.dropFirst(length)) }
    return cut.allSatisfy { $0.count >= 2 } ? cut : names
  }
}
