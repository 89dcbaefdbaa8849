/// Why a document could not be read or written, as one sentence, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was found and what was expected.
  public let message: String
  /// Bytes from the start of the document; nil when a value could not be written.
  public let offset: Int?

  public init(_ message: String, offset: Int? = nil) {
    self.message = message
    self.offset = offset
  }

  public var description: String {
    if let offset { "\(message) (byte \(offset) of the JSON)" } else { message }
  }
}
