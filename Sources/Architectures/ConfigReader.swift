internal import Bytes
internal import JSON

/// Takes checked values out of a configuration file; errors name the file and the key.
struct ConfigReader {
  let config: JSONValue
  let path: String
  var prefix = ""

  func malformed(_ key: String, _ message: String) -> FileError {
    FileError(.malformed, path: path, subject: prefix + key, message)
  }

  func unsupported(_ key: String, _ message: String) -> FileError {
    FileError(.unsupported, path: path, subject: prefix + key, message)
  }

  /// A whole number from 1 to `limit`.
  func count(_ key: String, default fallback: Int? = nil, limit: Int = 1 << 31) throws(FileError) -> Int {
    guard let value = config[key], !value.isNull else {
      guard let fallback else { throw malformed(key, "is missing") }
      return fallback
    }
    guard let count = value.int, count > 0, count <= limit else {
      throw malformed(key, "is not a whole number between 1 and \(limit)")
    }
    return count
  }

  func optionalCount(_ key: String) throws(FileError) -> Int? {
    guard let value = config[key], !value.isNull else { return nil }
    return try count(key)
  }

  func number(_ key: String, default fallback: Double? = nil) throws(FileError) -> Double {
    guard let value = config[key], !value.isNull else {
      guard let fallback else { throw malformed(key, "is missing") }
      return fallback
    }
    guard let number = value.double, number.isFinite else { throw malformed(key, "is not a finite number") }
    return number
  }

  /// A number larger than 0 that is one as a Float too.
  func positive(_ key: String, default fallback: Double? = nil) throws(FileError) -> Float {
    let number = Float(try number(key, default: fallback))
    guard number > 0 else { throw malformed(key, "must be larger than 0") }
    guard number.isFinite else { throw malformed(key, "is too large") }
    return number
  }

  /// False where the key is missing.
  func flag(_ key: String) throws(FileError) -> Bool {
    guard let value = config[key], !value.isNull else { return false }
    guard let flag = value.bool else { throw malformed(key, "is neither true nor false") }
    return flag
  }

  func text(_ key: String) throws(FileError) -> String? {
    guard let value = config[key], !value.isNull else { return nil }
    guard let text = value.string else { throw malformed(key, "is not a string") }
    return text
  }

  /// A reader of the object under that key; nil where it is missing or null.
  func object(_ key: String) throws(FileError) -> ConfigReader? {
    guard let value = config[key], !value.isNull else { return nil }
    guard value.object != nil else { throw malformed(key, "is not an object") }
    return ConfigReader(config: value, path: path, prefix: prefix + key + ".")
  }

  /// Whether there is a value other than null.
  func has(_ key: String) -> Bool { config[key].map { !$0.isNull } ?? false }
}
