internal import Foundation

/// The files that fuzzing begins with, and those that it has found.
package enum SeedFiles {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// Longer ones, which are whole models, are left out.
  private static let longest = 1 << 18

  /// Paths of a target's seeds, sorted.
  package static func seeds(of target: FuzzTarget) -> [String] {
    target.seeds.flatMap { files(in: root.appending(path: $0)) }
  }

  /// Paths of the inputs that were findings once.
  package static func regressions(of target: FuzzTarget) -> [String] {
    files(in: root.appending(path: "Tests/Fuzz/Regressions/\(target.name)"))
  }

  package static func bytes(of path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: path))) }

  private static func files(in place: URL) -> [String] {
    let found = FileManager.default.enumerator(atPath: place.path)?.compactMap { $0 as? String } ?? []
    let paths = found.isEmpty ? [place.path] : found.map { place.appending(path: $0).path }
    return paths.sorted().filter { path in
      let attributes = try? FileManager.default.attributesOfItem(atPath: path)
      guard attributes?[.type] as? FileAttributeType == .typeRegular else { return false }
      return (attributes?[.size] as? Int ?? .max) <= longest
    }
  }
}
