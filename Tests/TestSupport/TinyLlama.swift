internal import Foundation
public import JSON

/// The trained model that comes with the repository, its held-out text, its adapters and what other programs say
/// of them.
public enum TinyLlama {
  private static let fixtures = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures")

  /// The model's folder.
  public static var path: String { fixtures.appendingPathComponent("TinyLlama").path }

  public static var heldOutText: String { fixtures.appendingPathComponent("heldout.txt").path }

  /// What llama-imatrix collects for the model on the first four windows of that text.
  public static var llamaImatrix: String { fixtures.appendingPathComponent("llama-imatrix.gguf").path }

  /// A file of the model.
  public static func file(_ name: String) -> String { path + "/" + name }

  /// The folder of a PEFT adapter for the model.
  public static func adapter(_ name: String) -> String {
    fixtures.appendingPathComponent("adapters").appendingPathComponent(name).path
  }

  /// What transformers computes with the model.
  public static func reference() throws -> JSONValue { try json("reference.json") }

  /// What PEFT makes of an adapter.
  public static func expected(_ adapter: String) throws -> JSONValue { try json("adapters/\(adapter)/expected.json") }

  private static func json(_ name: String) throws -> JSONValue {
    try JSONValue(parsing: [UInt8](try Data(contentsOf: fixtures.appendingPathComponent(name))))
  }
}
