internal import Bytes
internal import Tensors

/// Takes checked values out of GGUF metadata; errors name the file and the key.
struct MetadataReader {
  let value: (String) -> MetadataValue?
  let path: String

  func malformed(_ key: String, _ message: String) -> FileError {
    FileError(.malformed, path: path, subject: key, message)
  }

  /// A whole number from 1 to `limit`. Arrays, a value a layer, are not Llama's.
  func count(_ key: String, default fallback: @autoclosure () throws(FileError) -> Int? = nil, limit: Int = 1 << 31)
    throws(FileError) -> Int
  {
    guard let found = value(key) else {
      guard let fallback = try fallback() else { throw malformed(key, "is missing") }
      return fallback
    }
    guard let count = found.integer, count > 0, count <= limit else {
      throw malformed(key, "is not a whole number between 1 and \(limit)")
    }
    return count
  }

  func text(_ key: String) throws(FileError) -> String? {
    guard let found = value(key) else { return nil }
    guard let text = found.string else { throw malformed(key, "is not a string") }
    return text
  }

  func optionalCount(_ key: String) throws(FileError) -> Int? {
    // Some converters write 0 for "no window".
    guard let found = value(key), found.integer != 0 else { return nil }
    return try count(key)
  }

  /// A number larger than 0.
  func positive(_ key: String, default fallback: Float? = nil) throws(FileError) -> Float {
    guard let found = value(key) else {
      guard let fallback else { throw malformed(key, "is missing") }
      return fallback
    }
    guard let number = found.float, number.isFinite, number > 0 else {
      throw malformed(key, "is not a positive number")
    }
    return number
  }
}
