public import Bytes
public import Testing

/// A file or folder that is refused, and the error that says so. Its name begins with the rule that it breaks.
public struct RefusedFixture: Sendable, CustomTestStringConvertible {
  public let name: String
  public let code: FileError.Code
  /// The file of a folder.
  public let file: String
  public let subject: String?
  public let offset: Int?
  /// A part of the message.
  public let message: String

  public init(_ name: String, _ code: FileError.Code, _ subject: String? = nil, at offset: Int? = nil) {
    (self.name, self.code, self.file, self.subject, self.offset, message) = (name, code, "", subject, offset, "")
  }

  public init(_ name: String, _ code: FileError.Code, _ subject: String, _ message: String) {
    (self.name, self.code, self.file, self.subject, offset, self.message) = (name, code, "", subject, nil, message)
  }

  public init(_ name: String, _ code: FileError.Code, _ file: String, _ subject: String?, _ message: String) {
    (self.name, self.code, self.file, self.subject, offset, self.message) = (name, code, file, subject, nil, message)
  }

  public var testDescription: String { name }

  /// `GGUF-7` of `GGUF-7-key-twice.gguf`.
  public var rule: String { name.split(separator: "-").prefix(2).joined(separator: "-") }
}
