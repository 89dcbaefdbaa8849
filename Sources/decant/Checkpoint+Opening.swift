internal import Bytes
internal import Conversion

extension Checkpoint {
  /// Opens a model and says so.
  static func opened(_ path: String) throws(FileError) -> Checkpoint {
    StatusLine.shared.begin("opening \(path)")
    return try Checkpoint(path: path)
  }

  /// Opens a model that is to be run: one of which nothing is known but its tensors is refused before anything is told of
  /// it.
  static func openedToRun(_ path: String) throws(FileError) -> Checkpoint {
    let checkpoint = try opened(path)
    _ = try checkpoint.requireModel()
    return checkpoint
  }
}
