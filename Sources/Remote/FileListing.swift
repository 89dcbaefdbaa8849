internal import Bytes

/// What a store says is below a folder: files by their names from there, `onnx/model.onnx`.
struct FileListing: Sendable {
  struct File: Hashable, Sendable {
    let byteCount: Int
    /// What tells its contents from others.
    let version: String
    let sha256: String?
  }

  private let files: [String: File]

  /// Names that would lead out of the folder, or that no file can have, are left out.
  init(_ files: [(name: String, file: File)]) {
    let safe = files.filter { Self.isSafe($0.name) && $0.file.byteCount >= 0 }
    self.files = Dictionary(safe.map { ($0.name, $0.file) }) { first, _ in first }
  }

  private static func isSafe(_ name: String) -> Bool {
    name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { part in
      let part = String(Substring(part))
      return !part.isEmpty && part != "." && part != ".." && !part.contains("\\")
        && part.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
    }
  }

  var isEmpty: Bool { files.isEmpty }

  func file(_ name: String) -> File? { files[name] }

  /// - Parameter name: empty for the folder itself.
  func entry(_ name: String) -> RemoteEntry? {
    if name.isEmpty { return .folder }
    if let file = files[name] { return .file(byteCount: file.byteCount) }
    return files.keys.contains { $0.hasPrefix(name + "/") } ? .folder : nil
  }

  /// Names of files and folders in a folder, sorted.
  func names(in folder: String) -> [String] {
    let prefix = folder.isEmpty ? "" : folder + "/"
    return Set(
      files.keys.filter { $0.hasPrefix(prefix) }.map { name in
        String(name.dropFirst(prefix.count).prefix { $0 != "/" })
      }
    ).sorted()
  }
}
