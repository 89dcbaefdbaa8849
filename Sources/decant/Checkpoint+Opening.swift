internal import Bytes
internal import Conversion

extension Checkpoint {
  /// Opens a model and says so.
  static func opened(_ path: String) throws(FileError) -> Checkpoint {
    StatusLine.shared.begin("opening \(path)")
    return try Checkpoint(path: path)
  }
}
