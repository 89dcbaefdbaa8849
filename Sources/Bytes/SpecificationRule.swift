/// A numbered rule of a `SPEC.md`. An error about the bytes of a file names the rule that they break.
package protocol SpecificationRule: RawRepresentable, Sendable where RawValue == Int {
  /// What its rules are cited by, before the number: `GGUF`.
  static var document: String { get }
}

extension SpecificationRule {
  /// As in `SPEC.md`, in errors and in the names of fixtures: `GGUF-7`.
  package var citation: String { "\(Self.document)-\(rawValue)" }

  /// The error that this rule is broken.
  package func broken(
    _ code: FileError.Code = .malformed, path: String, subject: String? = nil, at offset: Int? = nil, _ message: String
  ) -> FileError {
    FileError(code, path: path, subject: subject, offset: offset, message, rule: citation)
  }
}
