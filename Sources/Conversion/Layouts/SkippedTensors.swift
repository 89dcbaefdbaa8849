internal import Bytes
internal import JSON

/// A list of the tensors that transformers leaves as they are: of each entry the beginning of a name up to the end of a part, an
/// ending of it, or an expression that matches such a beginning. Source: transformers `should_convert_module`.
struct SkippedTensors {
  private var names: Set<String> = []
  /// How many bytes the names have, each number once.
  private var lengths: [Int] = []
  private var expressions: [(entry: String, expression: BoundedExpression)] = []

  /// None.
  init() {}

  init(_ section: QuantizationSection, key: String) throws(FileError) {
    for entry in try section.strings(key) {
      names.insert(entry)
      // A point alone means nothing but itself in the names that there are.
      guard !entry.allSatisfy({ $0.isLetter || $0.isNumber || "._-".contains($0) }),
        let expression = try? BoundedExpression("(\(entry))(\\.|$)")
      else { continue }
      expressions.append((entry, expression))
    }
    lengths = Set(names.map(\.utf8.count)).sorted()
    guard expressions.count <= ModuleTargets.mostExpressions else {
      throw FileError(
        .unsupported, path: section.path, subject: "quantization_config.\(key)",
        "has \(expressions.count) expressions, but only up to \(ModuleTargets.mostExpressions) can be read")
    }
  }

  /// The entry that names a tensor.
  func entry(for name: String) -> String? {
    for length in lengths where length <= name.utf8.count {
      let isPart = name.utf8.dropFirst(length).first == UInt8(ascii: ".")
      for part in [name.utf8.suffix(length)] + (isPart ? [name.utf8.prefix(length)] : []) {
        let part = String(decoding: part, as: UTF8.self)
        if names.contains(part) { return part }
      }
    }
    return expressions.first { $0.expression.matchesStart(of: name) }?.entry
  }
}
