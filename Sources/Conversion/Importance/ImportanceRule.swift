internal import Bytes

/// The rules of section 9 of `Formats/GGUF/SPEC.md`. Every error about the bytes of an importance matrix ends with the
/// number of the rule that they break, where they do not break one of GGUF itself.
enum ImportanceRule: Int, CaseIterable {
  case form = 1
  case metadata
  case pairs
  case sizes
  case sums
  case counts
  case oldHeader
  case oldNames
  case oldValues
  case oldEnd
  case merging
  case writing

  /// As in `SPEC.md`, in error messages and in the names of fixtures: `IMATRIX-3`.
  var name: String { "IMATRIX-\(rawValue)" }

  /// An error that says which rule is broken.
  func broken(
    _ code: FileError.Code = .malformed, path: String, subject: String? = nil, at offset: Int? = nil, _ message: String
  ) -> FileError {
    FileError(code, path: path, subject: subject, offset: offset, message, rule: name)
  }
}
