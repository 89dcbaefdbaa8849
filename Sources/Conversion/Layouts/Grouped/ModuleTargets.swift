internal import Bytes
internal import JSON

/// The modules that a list of compressed-tensors is for: names, classes, and after `re:` expressions that match the beginning
/// of a name. Source: compressed-tensors `utils/match.py`.
struct ModuleTargets {
  /// Each is held against every module.
  static let mostExpressions = 64

  private var names: Set<String> = []
  private var expressions: [BoundedExpression] = []
  /// Whether there are classes of modules, which are in no name, or expressions that are not understood.
  private var isUnclear = false

  var expressionCount: Int { expressions.count }

  /// - Throws: `FileError` for what is no list of strings.
  init(_ entries: JSONValue?, key: String, _ section: QuantizationSection) throws(FileError) {
    guard let entries = entries?.unlessNull else { return }
    guard let texts = entries.array?.map(\.string), !texts.contains(nil) else {
      throw LayoutRule.compressedTargets.broken(
        .malformed, path: section.path, subject: "quantization_config.\(key)", "is no list of names of modules")
    }
    for text in texts.compactMap({ $0 }) {
      if !text.hasPrefix("re:") {
        names.insert(text)
        isUnclear = isUnclear || !text.contains(".") && text.first?.isUppercase == true
      } else if let expression = try? BoundedExpression(String(text.dropFirst(3))) {
        expressions.append(expression)
      } else {
        isUnclear = true
      }
    }
    guard expressions.count <= Self.mostExpressions else {
      throw FileError(
        .unsupported, path: section.path, subject: "quantization_config.\(key)",
        "has \(expressions.count) expressions, but only up to \(Self.mostExpressions) can be read")
    }
  }

  /// The entry that certainly names a module.
  func entry(for module: String) -> String? {
    if names.contains(module) { return module }
    return expressions.first { $0.matchesStart(of: module) }.map { "re:" + $0.text }
  }

  /// Whether an entry names a module, or may.
  func mayName(_ module: String) -> Bool { isUnclear || entry(for: module) != nil }
}
