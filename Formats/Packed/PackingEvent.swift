public import Bytes

/// What packing or unpacking tells of an earlier run of the same job that was stopped.
public enum PackingEvent: Hashable, Sendable {
  /// So many bytes of the original are done already.
  case resumed(byteCount: Int)
  /// What it has done does not count: it read another file, or this one before it was changed, moved or linked.
  case discarded
  /// It was another job: of another file or version, or with another level.
  case replacedOtherJob
  /// The output is complete, and something beside it could not be removed.
  case left(FileError)
}
