import FuzzFormats
import FuzzMemory
import FuzzModels
import FuzzRemote
import FuzzSupport
import Testing

/// The short form of fuzzing: every seed, and every input that was a finding once, goes through the same readers.
@Suite struct ReplayTests {
  static let targets = FormatsTargets.all + ModelsTargets.all + MemoryTargets.all + RemoteTargets.all

  /// What libFuzzer allows an input too.
  static let longest = Duration.seconds(1)

  @Test(arguments: targets)
  func seedsAreReadOrRefused(_ target: FuzzTarget) throws {
    let seeds = SeedFiles.seeds(of: target)
    try #require(!seeds.isEmpty)
    var taken = 0
    for path in seeds { taken += try replay(path, target) ? 1 : 0 }
    #expect(taken > 0, "fuzzing has to begin with something that is taken")
  }

  @Test(arguments: targets)
  func regressionsAreReadOrRefused(_ target: FuzzTarget) throws {
    for path in SeedFiles.regressions(of: target) { _ = try replay(path, target) }
  }

  @Test func namesAreUnique() {
    #expect(Set(Self.targets.map(\.name)).count == Self.targets.count)
  }

  private func replay(_ path: String, _ target: FuzzTarget) throws -> Bool {
    let bytes = try SeedFiles.bytes(of: path)
    var isTaken = false
    let time = ContinuousClock().measure {
      do throws(FuzzFinding) {
        isTaken = try target.run(bytes)
      } catch {
        Issue.record("\(path): \(error)")
      }
    }
    #expect(time < Self.longest, "\(path)")
    return isTaken
  }
}
