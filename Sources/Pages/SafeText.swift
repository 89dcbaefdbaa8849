internal import Bytes
internal import Mustache

/// Text that comes from models, files and the command line, made safe for HTML and SVG.
enum SafeText {
  /// Escaped scalar by scalar: a quotation mark that carries an accent is one character, and still ends an attribute.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "&": result += "&amp;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// A name on one line, without what changes the direction of text.
  static func name(_ text: String) -> String { text.printable }

  /// A name of at most so many characters: what is left out is in its middle, for ends tell names apart.
  static func short(_ text: String, _ most: Int) -> String {
    let text = text.printable
    guard text.count > most, most > 1 else { return text }
    let kept = most - 1
    return text.prefix(kept - kept / 2) + "…" + text.suffix(kept / 2)
  }
}

/// What a template says of the values that it is given: `{{% CONTENT_TYPE:ESCAPED }}`. The library's own type escapes
/// character by character.
struct EscapedContent: MustacheContentType {
  static let name = "ESCAPED"

  func escapeText(_ text: String) -> String { SafeText.escaped(text) }

  /// Makes it known to the library, once.
  static let isRegistered: Bool = {
    MustacheContentTypes.register(EscapedContent(), named: name)
    return true
  }()
}
