public import Bytes
internal import GGUF
internal import Tensors

/// Which part an importance matrix is of a job that several machines share: each reads its share of the windows.
public struct ImportancePart: Hashable, Sendable {
  public let part: Part
  /// What tells the job from every other: the model, all windows of the text, options.
  public let plan: String

  public init(_ part: Part, of plan: String) {
    self.part = part
    self.plan = plan
  }

  static let partKey = "decant.part"
  static let planKey = "decant.plan"
  private static let prefix = "decant."
  static func sumsName(of weight: String) -> String { "\(prefix)\(weight).sums" }
  static func countsName(of weight: String) -> String { "\(prefix)\(weight).tokens" }

  /// - Returns: nil where the file is no part.
  /// - Throws: `FileError` for a part that does not say which of which job it is.
  init?(_ metadata: GGUFMetadata, path: String) throws(FileError) {
    guard let value = metadata[Self.partKey] else { return nil }
    let text = value.string ?? value.summary
    guard let part = Part(text) else {
      throw ImportanceRule.part.broken(
        path: path, subject: Self.partKey, "is \(FileError.quoted(text)); a part of all is expected, such as 2/4")
    }
    guard let plan = metadata[Self.planKey]?.string, !plan.isEmpty else {
      throw ImportanceRule.part.broken(
        .missing, path: path, subject: Self.planKey, "there is no such key, by which parts of one job are told")
    }
    self.init(part, of: plan)
  }
}
