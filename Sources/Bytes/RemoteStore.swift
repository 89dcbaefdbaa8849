/// Files that are not in the file system: a server's, a bucket's. Everything that reads a path reads theirs too; outputs never go
/// to one.
///
/// A path of a store begins with a scheme, `https://`, and holds no secret: it goes into messages, journals and outputs.
public protocol RemoteStore: Sendable {
  /// The path that a word of a command line stands for; nil where it is none of this store's. Nothing is asked of a network.
  /// - Throws: `FileError` when it is meant for this store and cannot be read.
  func path(naming word: String) throws(FileError) -> String?

  /// Whether it answers for that path.
  func owns(_ path: String) -> Bool

  /// What has that path; nil where the store says that there is nothing.
  /// - Throws: `FileError` where it does not say.
  func entry(at path: String) throws(FileError) -> RemoteEntry?

  /// Names in a folder, sorted: those that models have, where a store cannot list.
  func names(inFolder path: String) throws(FileError) -> [String]

  /// - Throws: `FileError` when there is no such file, or it cannot be read in parts.
  func open(_ path: String) throws(FileError) -> any RemoteFile

  /// The name of the model that lies at a path, where the store has one for it.
  func modelName(of path: String) -> String?
}

/// What a path of a store stands for.
public enum RemoteEntry: Hashable, Sendable {
  case folder
  case file(byteCount: Int)
}

/// An opened file of a store. Safe to read from several tasks at once.
public protocol RemoteFile: Sendable {
  var byteCount: Int { get }

  /// What tells it from every other, and from itself after any change, in one line.
  var identity: String { get }

  /// Where it comes from, for the record in an output: address, revision, digest.
  var origin: String { get }

  /// Fills `bytes` with those at `offset`, which are all inside.
  func read(at offset: Int, into bytes: inout MutableRawSpan) throws(FileError)

  /// Whether it still is what it was when it was opened, as far as the store can tell.
  /// - Throws: `FileError` when the store cannot be asked, or what was read is not what the store says that it holds.
  var isUnchanged: Bool { get throws(FileError) }
}
