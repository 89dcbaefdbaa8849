import Foundation
import Testing

/// The examples in the libraries' documentation are those that are run here, with names in place of paths.
@Suite struct ArticlesTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  /// Every library that the package offers.
  private static let libraries: [String] = {
    let manifest = (try? String(contentsOf: root.appendingPathComponent("Package.swift"), encoding: .utf8)) ?? ""
    let names = manifest.matches(of: /\.library\(name: "(\w+)"/).map { String($0.1) }
    let formats = manifest.split(separator: "\n").filter { $0.hasPrefix("  (\"") }.compactMap {
      $0.firstMatch(of: /\("(\w+)"/).map { String($0.1) }
    }
    precondition(names.count > 5 && formats.count > 3, "Package.swift is written in another way")
    return formats + names
  }()

  private static func lines(_ text: some StringProtocol) -> [String] {
    text.split(separator: "\n").map {
      $0.trimmingCharacters(in: .whitespaces).replacing(/made\(("[^"]+")\)/) { String($0.1) }
    }
  }

  @Test(arguments: libraries) func articleShowsWhatIsRun(_ library: String) throws {
    let folder = try #require(
      ["Formats", "Sources"].map { Self.root.appendingPathComponent("\($0)/\(library)/Documentation.docc") }
        .first { FileManager.default.fileExists(atPath: $0.path) }, "\(library) has no catalogue")
    let run = Self.lines(
      try String(
        contentsOf: Self.root.appendingPathComponent("Tests/ExampleTests/\(library)Example.swift"), encoding: .utf8))
    let pages = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".md") }
    #expect(pages.contains("\(library).md") && pages.count > 1)
    var shown: [String] = []
    for page in pages {
      let text = try String(contentsOf: folder.appendingPathComponent(page), encoding: .utf8)
      for block in text.matches(of: /(?s)```swift\n(.*?)```/) { shown += Self.lines(block.1) }
    }
    #expect(shown.count >= 4)
    for line in shown { #expect(run.contains(line), "\(line)") }
  }
}
