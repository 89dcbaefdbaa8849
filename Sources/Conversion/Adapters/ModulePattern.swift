/// A key of `rank_pattern` or `alpha_pattern`. PEFT's rule (`get_pattern_key`): a regular expression that a module's path
/// must end with, whole names only; the first that matches counts.
///
/// Such keys come from files. Most are names, which are compared; of expressions only those are taken that cannot be
/// made to match for ages.
struct ModulePattern {
  /// Most keys of one configuration that are more than names.
  static let mostExpressions = 64
  /// Longest expression, and longest name of a module that one is held against.
  private static let longest = 256
  private static let mostRepetitions = 2
  private static let mostGroups = 2

  private enum Kind {
    /// A name, whose periods stand for any character.
    case name([UInt8])
    case expression(Regex<AnyRegexOutput>)
  }

  private let kind: Kind

  /// - Parameter text: one that is not refused.
  init(_ text: String) {
    if !Self.isPlain(text), let expression = try? Regex("(.*\\.)?(\(text))") {
      kind = .expression(expression)
    } else {
      kind = .name(Array(text.utf8))
    }
  }

  func matches(_ module: String) -> Bool {
    switch kind {
    case .expression(let expression):
      return module.utf8.count <= Self.longest && (try? expression.wholeMatch(in: module)) ?? nil != nil
    case .name(let name):
      let bytes = Array(module.utf8)
      let start = bytes.count - name.count
      guard start >= 0, start == 0 || bytes[start - 1] == UInt8(ascii: ".") else { return false }
      return zip(bytes[start...], name).allSatisfy { $0 == $1 || $1 == UInt8(ascii: ".") }
    }
  }

  /// Whether a text is a name, and no expression.
  static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
        true
      default: false
      }
    }
  }

  /// Why a text is no pattern here, as the end of a sentence; nil for one that is.
  static func refusal(of text: String) -> String? {
    if isPlain(text) { return nil }
    guard text.utf8.count <= longest else { return "is longer than \(longest) bytes" }
    // The time of a match is a power of the repetitions and choices, and has no bound where a group is repeated.
    let bytes = Array(text.utf8)
    var (repetitions, groups) = (0, 0)
    for (index, byte) in bytes.enumerated() {
      let before = index > 0 ? bytes[index - 1] : 0
      if byte == UInt8(ascii: "(") { groups += 1 }
      guard "*+{?".utf8.contains(byte), before != UInt8(ascii: "(") else { continue }
      repetitions += 1
      if before == UInt8(ascii: ")") { return "repeats a group, which is not supported" }
    }
    guard repetitions <= mostRepetitions, groups <= mostGroups else {
      return "has more than \(mostRepetitions) repetitions, or more than \(mostGroups) groups"
    }
    guard (try? Regex(text)) != nil else { return "is no regular expression" }
    return nil
  }
}
