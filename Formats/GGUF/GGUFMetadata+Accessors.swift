public import Bytes
internal import Tensors

// Each returns nil where there is no such key, and throws where the value has another type.
extension GGUFMetadata {
  /// An integer of any stored width that is not negative.
  public func unsigned(_ key: String) throws(FileError) -> UInt64? {
    try view(key, "an integer of 0 or more", \.unsigned)
  }

  /// An integer of any stored width.
  public func integer(_ key: String) throws(FileError) -> Int? {
    try view(key, "an integer", \.integer)
  }

  /// A floating-point number of either width.
  public func float(_ key: String) throws(FileError) -> Float? {
    try view(key, "a floating-point number", \.float)
  }

  public func bool(_ key: String) throws(FileError) -> Bool? {
    try view(key, "a bool", \.bool)
  }

  /// A string that is UTF-8.
  public func string(_ key: String) throws(FileError) -> String? {
    try view(key, "a UTF-8 string", \.string)
  }

  /// An array of integers of any stored width.
  public func integers(_ key: String) throws(FileError) -> [Int]? {
    try view(key, "an array of integers", \.integers)
  }

  /// A value for each of `count` layers: an array of that many integers, or one integer for all.
  public func integers(_ key: String, perLayer count: Int) throws(FileError) -> [Int]? {
    guard let value = self[key] else { return nil }
    if let single = value.integer { return Array(repeating: single, count: count) }
    guard let values = value.integers, values.count == count else {
      throw wrongType(of: value, key: key, expected: "an integer, or an array of \(count) integers")
    }
    return values
  }

  /// An array of floating-point numbers of either width.
  public func floats(_ key: String) throws(FileError) -> [Float]? {
    try view(key, "an array of floating-point numbers", \.floats)
  }

  public func bools(_ key: String) throws(FileError) -> [Bool]? {
    try view(key, "an array of bools", \.bools)
  }

  /// An array of strings that are all UTF-8. `String` compares by Unicode's canonical equivalence; where the bytes
  /// matter, as in a vocabulary, compare `utf8` or use `stringBytes`.
  public func strings(_ key: String) throws(FileError) -> [String]? {
    try view(key, "an array of UTF-8 strings", \.strings)
  }

  /// The bytes of an array of strings, which need not be UTF-8.
  public func stringBytes(_ key: String) throws(FileError) -> [[UInt8]]? {
    try view(key, "an array of strings", \.stringBytes)
  }

  /// The error for a key that has to be there.
  public func missing(_ key: String) -> FileError {
    FileError(.missing, path: name, subject: key, "there is no such key in the metadata")
  }

  private func view<Value>(
    _ key: String, _ expected: String, _ path: KeyPath<MetadataValue, Value?>
  ) throws(FileError) -> Value? {
    guard let value = self[key] else { return nil }
    guard let result = value[keyPath: path] else { throw wrongType(of: value, key: key, expected: expected) }
    return result
  }

  private func wrongType(of value: MetadataValue, key: String, expected: String) -> FileError {
    GGUFRule.wellKnownKey.broken(path: name, subject: key, "the value is \(value.summary); \(expected) is expected")
  }
}
