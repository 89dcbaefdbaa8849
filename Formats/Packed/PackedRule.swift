internal import Bytes

/// A rule of `SPEC.md`. Errors end with its number.
enum PackedRule: Int {
  case opening = 1
  case version
  case footer
  case indexFrame
  case indexFields
  case regions
  case frameLengths
  case frameHeader
  case frameContent
  case notice

  /// How it is cited.
  var citation: String { "PACKED-\(rawValue)" }

  /// The error that `path` breaks this rule.
  func broken(
    _ path: String, at offset: Int?, _ message: String, code: FileError.Code = .malformed
  ) -> FileError {
    FileError(code, path: path, offset: offset, message, rule: citation)
  }
}
