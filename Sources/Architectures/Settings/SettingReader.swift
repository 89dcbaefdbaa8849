internal import Bytes

/// Where settings are read from: config.json or the metadata of a GGUF.
protocol SettingReader {
  var path: String { get }
  /// What the row is called there, and what holds where it is missing.
  func names(of row: Hyperparameter) -> (names: [String], fallback: Hyperparameter.Default)
  /// Whether there is a value other than null.
  func has(_ name: String) -> Bool
  /// Whether a count of 0 stands for none of what may be missing.
  var zeroIsNone: Bool { get }
  /// Whether there is a null.
  func isNull(_ name: String) -> Bool
  /// What messages call it.
  func subject(_ name: String) -> String
  func integer(_ name: String) -> Int?
  func double(_ name: String) -> Double?
  func flagValue(_ name: String) -> Bool?
  func string(_ name: String) -> String?
  func integers(_ name: String) -> [Int]?
  func flags(_ name: String) -> [Bool]?
  func strings(_ name: String) -> [String]?
}

extension SettingReader {
  func malformed(_ name: String, _ message: String) -> FileError {
    FileError(.malformed, path: path, subject: subject(name), message)
  }

  func unsupported(_ name: String, _ message: String) -> FileError {
    FileError(.unsupported, path: path, subject: subject(name), message)
  }

  func missing(_ name: String) -> FileError { malformed(name, "is missing") }

  // MARK: Single values

  /// A whole number from 1 to `limit`.
  func count(_ name: String, default fallback: Int? = nil, limit: Int = 1 << 31) throws(FileError) -> Int {
    guard has(name) else {
      guard let fallback else { throw missing(name) }
      return fallback
    }
    guard let count = integer(name), count > 0, count <= limit else {
      throw malformed(name, "is not a whole number between 1 and \(limit)")
    }
    return count
  }

  func number(_ name: String, default fallback: Double? = nil) throws(FileError) -> Double {
    guard has(name) else {
      guard let fallback else { throw missing(name) }
      return fallback
    }
    guard let number = double(name), number.isFinite else { throw malformed(name, "is not a finite number") }
    return number
  }

  /// A number larger than 0 that is one as a Float too.
  func positive(_ name: String, default fallback: Double? = nil) throws(FileError) -> Float {
    let number = Float(try number(name, default: fallback))
    guard number > 0 else { throw malformed(name, "must be larger than 0") }
    guard number.isFinite else { throw malformed(name, "is too large") }
    return number
  }

  /// False where it is missing.
  func flag(_ name: String) throws(FileError) -> Bool {
    guard has(name) else { return false }
    guard let flag = flagValue(name) else { throw malformed(name, "is neither true nor false") }
    return flag
  }

  func text(_ name: String) throws(FileError) -> String? {
    guard has(name) else { return nil }
    guard let text = string(name) else { throw malformed(name, "is not a string") }
    return text
  }
}
