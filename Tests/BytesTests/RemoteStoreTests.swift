import Bytes
import TestSupport
import Testing

/// Paths of stores go to their store, and all others to the file system.
@Suite struct RemoteStoreTests {
  /// Two files in a folder.
  private struct Store: RemoteStore {
    static let isAdded: Void = RemoteStores.add([Store()])

    struct File: RemoteFile {
      let bytes: [UInt8]
      var byteCount: Int { bytes.count }
      var identity: String { "it" }
      var origin: String { "there" }
      var isUnchanged: Bool { bytes != [9] }

      func read(at offset: Int, into target: inout MutableRawSpan) throws(FileError) {
        bytes.withBytes(in: offset..<offset + target.byteCount) { target.copy($0, at: 0) }
      }
    }

    private static let files: [String: [UInt8]] = ["mine://m/a": [1, 2, 3], "mine://m/b": [9]]

    func path(naming word: String) -> String? { word == "the model" ? "mine://m/" : nil }
    func owns(_ path: String) -> Bool { path.hasPrefix("mine://") }
    func modelName(of path: String) -> String? { "m" }

    func entry(at path: String) throws(FileError) -> RemoteEntry? {
      if path == "mine://m/refused" { throw FileError(.system, path: path, "refused") }
      return path == "mine://m/" ? .folder : Self.files[path].map { .file(byteCount: $0.count) }
    }

    func names(inFolder path: String) -> [String] { ["a", "b"] }

    func open(_ path: String) throws(FileError) -> any RemoteFile {
      guard let bytes = Self.files[path] else { throw FileError(.missing, path: path, "is not there") }
      return File(bytes: bytes)
    }
  }

  init() { Store.isAdded }

  @Test func questionsGoToTheStore() throws {
    #expect(try RemoteStores.path(naming: "the model") == "mine://m/")
    #expect(try RemoteStores.path(naming: "model") == "model")
    #expect(RemoteStores.modelName(of: "mine://m/") == "m" && RemoteStores.modelName(of: "m") == nil)
    #expect(try FileSystem.isFolder("mine://m/") && !FileSystem.isFile("mine://m/"))
    #expect(try FileSystem.names(inFolder: "mine://m/") == ["a", "b"])
    let file = FileSystem.join("mine://m/", "a")
    #expect(file == "mine://m/a" && FileSystem.parent(file) == "mine://m" && FileSystem.lastComponent(file) == "a")
    #expect(try FileSystem.hasFile(file) && FileSystem.isFile(file) && FileSystem.exists(file))
    #expect(try FileSystem.byteCount(file) == 3 && !FileSystem.isFolder(file) && !FileSystem.isLink(file))
    #expect(
      try FileSystem.isSame(file, file) && !FileSystem.isSame(file, "mine://m/b") && !FileSystem.isSame(file, "a"))
    #expect(try FileSystem.resolved(file) == file)
    #expect(try !FileSystem.exists("mine://m/c"))
    #expect(throws: FileError.self) { try FileSystem.hasFile("mine://m/refused") }
    #expect(try !FileSystem.exists("theirs://m/a"))
  }

  @Test func filesAreTheStores() throws {
    let file = try InputFile(path: "mine://m/a")
    #expect(try file.bytes(at: 1, count: 2) == [2, 3])
    #expect(throws: FileError.self) { try file.bytes(at: 1, count: 3) }
    #expect(try file.identity == "it" && file.origin == "there" && file.isUnchanged)
    #expect(try TextFile.utf8(of: "mine://m/a") == [1, 2, 3])
    #expect(throws: FileError.self) { try InputFile(path: "mine://m/b").requireUnchanged() }
    #expect(throws: FileError.self) { try InputFile(path: "mine://m/c") }
    let folder = try TemporaryFolder()
    #expect(try InputFile(path: folder.write([1], to: "a")).origin == nil)
  }

  @Test func nothingIsWrittenThere() throws {
    let error = #expect(throws: FileError.self) {
      try StagedOutput(.files, in: "mine://m", files: [.init(name: "c", byteCount: 1)], replacing: false).commit()
    }
    #expect(error?.description.contains("mine://m/c: is not on this machine") == true, "\(error.debugDescription)")
  }
}
