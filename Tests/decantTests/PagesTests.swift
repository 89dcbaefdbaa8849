import Foundation
import Testing

/// The pages that people read.
@Suite struct PagesTests {
  private static let python = URL(fileURLWithPath: "/usr/bin/python3")

  @Test(
    "Links, anchors and paths of every page lead somewhere",
    .enabled(if: FileManager.default.isExecutableFile(atPath: Self.python.path), "there is no python3"))
  func linksLeadSomewhere() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let checked = try Command.run([root.appendingPathComponent("check_links.py").path], of: Self.python)
    #expect(checked.exitCode == 0, "\(checked.output)\(checked.errors)")
  }
}
