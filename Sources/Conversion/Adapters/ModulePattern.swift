/// A key of `rank_pattern` or `alpha_pattern`. PEFT's rule (`get_pattern_key`): a regular expression that a module's path
/// must end with, whole names only; the first that matches counts.
///
/// Such keys come from files. Most are names, which are compared; of expressions those are taken that
/// `BoundedExpression` knows.
struct ModulePattern {
  /// Most keys of one configuration that are more than names.
  static let mostExpressions = 64
  /// Longest name of a module that an expression is held against.
  private static let longestModule = 256

  private enum Kind {
    /// A name, whose periods stand for any character.
    case name([UInt8])
    case expression(BoundedExpression)
  }

  private let kind: Kind

  /// - Parameter text: one that is not refused.
  init(_ text: String) {
    if !Self.isPlain(text), let expression = try? BoundedExpression(text) {
      kind = .expression(expression)
    } else {
      kind = .name(Array(text.utf8))
    }
  }

  func matches(_ module: String) -> Bool {
    switch kind {
    case .expression(let expression):
      return module.utf8.count <= Self.longestModule && expression.matchesEnd(of: module) { $0 == "." }
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

  /// Why a text is not a pattern here, as the end of a sentence; nil for one that is.
  static func refusal(of text: String) -> String? {
    if isPlain(text) { return nil }
    do throws(BoundedExpression.Refusal) {
      _ = try BoundedExpression(text)
      return nil
    } catch {
      return error.reason
    }
  }
}
