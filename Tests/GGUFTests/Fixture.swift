import Bytes
import Foundation

/// The files in `Formats/GGUF/Fixtures`.
enum Fixture {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Formats/GGUF").path

  static func path(_ name: String) -> String { folder + "/Fixtures/" + name }

  static func bytes(_ name: String) throws -> [UInt8] { try InputFile.contents(of: path(name)) }

  /// Names of the files in a folder of fixtures; of a split set, the folder.
  static func names(in part: String) -> [String] {
    ((try? FileSystem.names(inFolder: path(part))) ?? []).filter { !$0.hasPrefix(".") }
  }

  /// What to open for a name: the file, or the first of a split set.
  static func opened(_ part: String, _ name: String) -> String {
    let path = path(part + "/" + name)
    guard (try? FileSystem.isFolder(path)) == true, let first = try? FileSystem.names(inFolder: path).first else {
      return path
    }
    return path + "/" + first
  }
}
