internal import JSON

/// A report as JSON text for standard output.
enum JSONText {
  static func of(_ value: JSONValue) -> String {
    // Reports hold finite numbers only, so that there is always a text.
    guard let bytes = try? value.serialized() else { return "null" }
    var text = String(decoding: bytes, as: UTF8.self)
    while text.hasSuffix("\n") { text.removeLast() }
    return text
  }
}
