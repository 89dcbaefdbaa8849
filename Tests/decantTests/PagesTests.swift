import Foundation
import JSON
import TestSupport
import Testing

/// The pages that people read.
@Suite struct PagesTests {
  private static let python = URL(fileURLWithPath: "/usr/bin/python3")
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  @Test(
    "Links, anchors and paths of every page lead somewhere",
    .enabled(if: FileManager.default.isExecutableFile(atPath: Self.python.path), "there is no python3"))
  func linksLeadSomewhere() throws {
    let checked = try Command.run([Self.root.appendingPathComponent("Tests/check_links.py").path], of: Self.python)
    #expect(checked.exitCode == 0, "\(checked.output)\(checked.errors)")
  }

  /// The page is a script: what one command writes, others read.
  @Test func commandsForThoseWhoComeFromOtherProgramsRun() throws {
    let page = try String(contentsOf: Self.root.appendingPathComponent("Documentation/COMING-FROM.md"), encoding: .utf8)
    let commands = page.matches(of: /`(decant [^`]+)`/).map { String($0.1) }
    #expect(commands.count > 60)

    let folder = try TemporaryFolder()
    let fixtures = Self.root.appendingPathComponent("Tests/Fixtures")
    for (fixture, name) in [
      ("TinyLlama", "Llama-3.2-1B"), ("adapters/plain", "my-lora"), ("MLXAdapters/lora", "mlx-lora"),
    ] {
      try FileManager.default.copyItem(
        atPath: fixtures.appendingPathComponent(fixture).path, toPath: folder.file(name))
    }
    let text = try Data(contentsOf: fixtures.appendingPathComponent("heldout.txt")).prefix(20_000)
    for name in ["text.txt", "calibration.txt"] { try folder.write(text, to: name) }
    for command in commands {
      let result = try Command.shell("cd '\(folder.path)'; \(command)")
      #expect(result.exitCode == 0, "\(command): \(result.errors)")
    }
  }

  /// Options stand alone where both programs have them.
  @Test func optionsForThoseWhoComeFromOtherProgramsAreThere() throws {
    let help = try Command.succeed("--experimental-dump-help").json()
    let commands = help["command"]?["subcommands"]?.array ?? []
    let known = Set(
      commands.flatMap { $0["arguments"]?.array ?? [] }.flatMap { $0["names"]?.array ?? [] }
        .compactMap { $0["name"]?.string })
    let page = try String(contentsOf: Self.root.appendingPathComponent("Documentation/COMING-FROM.md"), encoding: .utf8)
    var count = 0
    for line in page.split(separator: "\n") where line.hasPrefix("| ") {
      let cells = line.split(separator: "|", omittingEmptySubsequences: false)
      guard cells.count == 5 else {
        Issue.record("\(line) has other than three cells")
        continue
      }
      for option in (cells[2] + cells[3]).matches(of: /`--([a-z-]+)/) {
        count += 1
        #expect(known.contains(String(option.1)), "\(line)")
      }
    }
    #expect(count > 10)
  }
}
