internal import Foundation

/// The fixtures of a format, found beside its source.
public struct Fixtures: Sendable {
  /// `Formats/<format>/Fixtures`.
  public let folder: String

  public init(of format: String, testFile: String = #filePath) {
    let root = URL(fileURLWithPath: testFile)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    folder = root.appendingPathComponent("Formats/\(format)/Fixtures").path
  }

  public func path(_ relative: String) -> String { folder + "/" + relative }

  /// Names in one of the folders that end in `suffix`, sorted. There are some: a test of none of them would hold.
  public func names(in relative: String, suffix: String = "") -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path(relative))) ?? []
    precondition(names.contains { $0.hasSuffix(suffix) }, "no fixtures *\(suffix) in \(path(relative))")
    return names.filter { $0.hasSuffix(suffix) }.sorted()
  }

  public func bytes(_ relative: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(relative))))
  }
}
