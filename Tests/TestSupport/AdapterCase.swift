internal import Foundation
internal import JSON

/// Adapters for models of a few thousand weights, with the logits that PEFT computes with them, unmerged.
/// `Tests/Fixtures/make_adapter_cases.py` makes them.
public struct AdapterCase: Sendable, CustomStringConvertible {
  public let name: String
  /// The folder of the model.
  public let base: String
  /// The folders of the adapters, in the order in which they are merged.
  public let adapters: [String]
  /// Rows of the vocabulary after merging.
  public let rows: Int
  /// The text that the logits are about.
  public let tokens: [Int32]
  /// A row for each token.
  public let logits: [[Double]]

  public var description: String { name }

  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures/AdapterCases")

  /// The folder of a model or adapter.
  public static func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  /// Every case; none where the file cannot be read, which `AdapterLogitsTests` notices.
  public static let all: [AdapterCase] = (try? read()) ?? []

  private static func read() throws -> [AdapterCase] {
    let document = try JSONValue(parsing: [UInt8](try Data(contentsOf: folder.appendingPathComponent("logits.json"))))
    let tokens = (document["tokens"]?.array ?? []).compactMap(\.int).map { Int32($0) }
    return (document["cases"]?.object ?? [:]).sorted { $0.key < $1.key }.map { name, members in
      let second = path(name + "/second")
      return AdapterCase(
        name: name, base: path(members["base"]?.string ?? ""),
        adapters: [path(name)] + (FileManager.default.fileExists(atPath: second) ? [second] : []),
        rows: members["rows"]?.int ?? 0, tokens: tokens,
        logits: (members["logits"]?.array ?? []).map { ($0.array ?? []).compactMap(\.double) })
    }
  }
}
