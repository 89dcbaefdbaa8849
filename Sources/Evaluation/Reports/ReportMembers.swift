internal import Bytes
internal import JSON

/// An object of a report that was written as JSON, with where it lies in it, for errors.
struct ReportMembers {
  let members: [String: JSONValue]
  /// `comparisons[2].kl`; empty for the whole document.
  let place: String
  /// The file.
  let path: String

  /// - Throws: `FileError` for what is no object.
  init(_ json: JSONValue, place: String = "", path: String) throws(FileError) {
    guard let members = json.object else {
      throw FileError(
        .malformed, path: path, subject: place.isEmpty ? nil : place, "is no object of JSON, as a report has it here")
    }
    self.members = members
    self.place = place
    self.path = path
  }

  func has(_ key: String) -> Bool { members[key]?.unlessNull != nil }

  func object(_ key: String) throws(FileError) -> ReportMembers {
    try ReportMembers(members[key] ?? .null, place: name(of: key), path: path)
  }

  /// Nil where there is none.
  func optionalObject(_ key: String) throws(FileError) -> ReportMembers? { has(key) ? try object(key) : nil }

  /// The objects of a list; none where there is no list.
  func objects(_ key: String) throws(FileError) -> [ReportMembers] {
    guard has(key) else { return [] }
    var objects: [ReportMembers] = []
    for (number, json) in try value(key, "a list", \.array).enumerated() {
      objects.append(try ReportMembers(json, place: "\(name(of: key))[\(number)]", path: path))
    }
    return objects
  }

  func string(_ key: String) throws(FileError) -> String { try value(key, "a text", \.string) }

  func optionalString(_ key: String) throws(FileError) -> String? { has(key) ? try string(key) : nil }

  /// The texts of a list; none where there is no list.
  func strings(_ key: String) throws(FileError) -> [String] {
    guard has(key) else { return [] }
    return try value(key, "a list of texts") { value in
      let texts = value.array?.compactMap(\.string)
      return texts?.count == value.array?.count ? texts : nil
    }
  }

  func count(_ key: String) throws(FileError) -> Int {
    try value(key, "a whole number, not below 0") { $0.int.flatMap { $0 >= 0 ? $0 : nil } }
  }

  func optionalCount(_ key: String) throws(FileError) -> Int? { has(key) ? try count(key) : nil }

  /// A number; not a number for null, which stands for what was not finite.
  func number(_ key: String) throws(FileError) -> Double { try value(key, "a number") { $0.isNull ? .nan : $0.double } }

  func optionalNumber(_ key: String) throws(FileError) -> Double? { has(key) ? try number(key) : nil }

  func counts(_ key: String) throws(FileError) -> [Int] {
    try value(key, "a list of whole numbers") { value in
      let counts = value.array?.compactMap(\.int)
      return counts?.count == value.array?.count ? counts : nil
    }
  }

  func value<Value>(
    _ key: String, _ expected: String, _ read: (JSONValue) -> Value?
  ) throws(FileError) -> Value {
    guard let json = members[key] else {
      throw FileError(.missing, path: path, subject: name(of: key), "is missing, where a report has \(expected)")
    }
    guard let value = read(json) else {
      throw FileError(.malformed, path: path, subject: name(of: key), "is not \(expected)")
    }
    return value
  }

  func malformed(_ key: String, _ message: String) -> FileError {
    FileError(.malformed, path: path, subject: name(of: key), message)
  }

  private func name(of key: String) -> String { place.isEmpty ? key : place + "." + key }
}
