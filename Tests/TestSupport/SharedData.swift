internal import Foundation

/// Large files that are not part of the repository: real models, and what other programs made of them. Tests that
/// need them are disabled unless the environment variable `DECANT_SHARED` names the folder.
public enum SharedData {
  /// The folder; nil when the variable is not set.
  public static let folder: String? = ProcessInfo.processInfo.environment["DECANT_SHARED"]

  /// Whether the folder is there.
  public static var isThere: Bool { folder != nil }

  /// Why a test that needs it does not run.
  public static let absence = "DECANT_SHARED names no folder with models and reference files"

  /// Whether tests that take minutes run too: `DECANT_SLOW_TESTS` is set.
  public static var allowsMinutes: Bool { isThere && ProcessInfo.processInfo.environment["DECANT_SLOW_TESTS"] != nil }

  /// Why a test that takes minutes does not run.
  public static let patience = "takes minutes; set DECANT_SLOW_TESTS (and DECANT_SHARED) to run it"

  /// The path of a file in the folder.
  public static func path(_ relative: String) -> String { (folder ?? "") + "/" + relative }

  /// Names in one of its folders that end in `suffix`, sorted; none when there is no such folder.
  public static func names(in relative: String, suffix: String = "") -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path(relative))) ?? []
    return names.filter { $0.hasSuffix(suffix) }.sorted()
  }
}
