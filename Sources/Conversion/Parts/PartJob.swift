/// What parts have in common that are put together: parts of another job are none.
struct PartJob: Hashable, Sendable {
  /// The fingerprint of the plan of the whole output.
  let plan: String
  let partCount: Int
  /// Which types most weights get, for a person to read.
  let types: String
  /// The version that makes it.
  let version: String

  /// What tells it from another job, as far as that can be said: `in 3 parts, not in 4`.
  func difference(from other: PartJob) -> String {
    var words: [String] = []
    if partCount != other.partCount { words.append("in \(Self.parts(partCount)), not in \(other.partCount)") }
    if types != other.types { words.append("of \(types), not of \(other.types)") }
    if version != other.version { words.append("by version \(version), not by \(other.version)") }
    return words.isEmpty ? "of another model, or with other options" : words.joined(separator: ", ")
  }

  private static func parts(_ count: Int) -> String { "\(count) \(count == 1 ? "part" : "parts")" }
}

extension Plan {
  /// The job of making it in so many parts.
  func job(_ fingerprint: String, partCount: Int) -> PartJob {
    let counts = Dictionary(tensors.map { ($0.targetType, $0.elementCount) }, uniquingKeysWith: +)
    let types = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(2).map(\.key)
    return PartJob(
      plan: fingerprint, partCount: partCount, types: types.isEmpty ? "nothing" : types.joined(separator: " and "),
      version: Version.current)
  }
}
