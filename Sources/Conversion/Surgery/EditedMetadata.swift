internal import Bytes
internal import GGUF
public import Tensors

/// One key that an edit changes.
public struct MetadataChange: Hashable, Sendable {
  /// Of an array's element, with its number in brackets.
  public let key: String
  /// nil where it was not there.
  public let before: MetadataValue?
  /// nil where it is removed.
  public let after: MetadataValue?
}

/// The metadata of a GGUF with some edits.
struct EditedMetadata {
  private(set) var metadata: GGUFMetadata
  private(set) var changes: [MetadataChange] = []
  private let path: String

  /// Renames come first, then what is removed, then what is set.
  /// - Throws: `FileError` for a key that is not there, a value that is none of its type, or what would make the file another.
  init(_ metadata: GGUFMetadata, _ edits: [MetadataEdit], path: String) throws(FileError) {
    self.metadata = metadata
    self.path = path
    for edit in edits { if case .rename(let key, let name) = edit { try rename(key, to: name) } }
    for edit in edits { if case .remove(let key) = edit { try remove(key) } }
    for edit in edits {
      guard case .set(let key, let element, let type, let value) = edit else { continue }
      if let element { try set(key, element, value) } else { try set(key, type: type, value) }
    }
    try checkIDs()
  }

  private func failure(_ code: FileError.Code, _ key: String, _ message: String) -> FileError {
    FileError(code, path: path, subject: key, message)
  }

  /// Keys that say where the bytes lie.
  private func refuseLayout(_ key: String) throws(FileError) {
    guard key == "general.alignment" || key.hasPrefix("split.") || key == GGUFFile.paddingKey else { return }
    throw failure(.unsupported, key, "says where the bytes of the file lie, and is not changed by itself")
  }

  private func existing(_ key: String) throws(FileError) -> MetadataValue {
    if let value = metadata[key] { return value }
    // A near one is more often meant than none.
    let last = key.split(separator: ".").last.map(String.init) ?? key
    let like = metadata.entries.map(\.key).first { $0.hasSuffix("." + last) }
    throw failure(.missing, key, "there is no such key in the metadata" + (like.map { "; did you mean \($0)?" } ?? ""))
  }

  private mutating func rename(_ key: String, to name: String) throws(FileError) {
    let value = try existing(key)
    try refuseLayout(key)
    try refuseLayout(name)
    guard metadata[name] == nil else { throw failure(.exists, name, "is there already; remove it first") }
    // In its place.
    var renamed = GGUFMetadata(name: metadata.name)
    for entry in metadata.entries { renamed[entry.key == key ? name : entry.key] = entry.value }
    metadata = renamed
    changes += [
      MetadataChange(key: key, before: value, after: nil), MetadataChange(key: name, before: nil, after: value),
    ]
  }

  private mutating func remove(_ key: String) throws(FileError) {
    let value = try existing(key)
    try refuseLayout(key)
    guard key != "general.architecture" else {
      throw failure(.unsupported, key, "is what tells a reader how to read the model; it can be set, and not removed")
    }
    metadata[key] = nil
    changes.append(MetadataChange(key: key, before: value, after: nil))
  }

  // MARK: - Setting

  private mutating func set(_ key: String, type: String?, _ text: String) throws(FileError) {
    try refuseLayout(key)
    let old = metadata[key]
    guard let type = type ?? old?.typeName ?? Self.usualType(of: key) else {
      throw failure(
        .missing, key,
        "is a new key, of which a type has to be said, as in \(key):u32=7; the types are "
          + MetadataSpelling.typeNames.joined(separator: ", "))
    }
    let value = try value(text, type, key)
    guard value != old else { return }
    metadata[key] = value
    changes.append(MetadataChange(key: key, before: old, after: value))
  }

  private func value(_ text: String, _ type: String, _ key: String) throws(FileError) -> MetadataValue {
    if let value = MetadataSpelling.value(text, type: type) { return value }
    // The id of a token may be said by its text.
    if key.hasSuffix("_token_id"), let id = try id(ofToken: text),
      let value = MetadataSpelling.value("\(id)", type: type)
    {
      return value
    }
    let expected =
      type.hasPrefix("[") ? "a JSON list of \(type.dropFirst().dropLast()) values" : "a value of type \(type)"
    throw failure(
      .mismatch, key,
      "\(FileError.quoted(text)) is not \(expected)"
        + (key.hasSuffix("_token_id") ? ", and no token of the vocabulary" : ""))
  }

  private mutating func set(_ key: String, _ element: String, _ text: String) throws(FileError) {
    let array = try existing(key)
    guard let count = array.elementCount else {
      throw failure(.mismatch, key, "is a single \(array.typeName), and has no element \(FileError.quoted(element))")
    }
    let number: Int
    if let given = Int(element), given >= 0 {
      number = given
    } else if let id = try id(ofToken: element), let tokens = metadata[Self.tokens]?.elementCount, tokens == count {
      number = id
    } else {
      throw failure(
        .missing, key, "\(FileError.quoted(element)) is neither the number of an element nor a token of the vocabulary")
    }
    guard number < count, let old = MetadataSpelling.element(number, of: array) else {
      throw failure(.mismatch, key, "has \(count) elements, and no number \(number)")
    }
    guard let value = Self.element(text, of: array, key),
      let changed = MetadataSpelling.replacing(number, of: array, by: value)
    else { throw failure(.mismatch, key, "\(FileError.quoted(text)) is not a value of type \(array.elementType.name)") }
    guard changed != array else { return }
    metadata[key] = changed
    changes.append(MetadataChange(key: "\(key)[\(number)]", before: old, after: value))
  }

  private static func element(_ text: String, of array: MetadataValue, _ key: String) -> MetadataValue? {
    if let value = MetadataSpelling.value(text, array.elementType) { return value }
    // What a token is for may be said by its name.
    guard key == "tokenizer.ggml.token_type", let type = tokenTypes.firstIndex(of: text.lowercased()) else {
      return nil
    }
    return MetadataSpelling.value("\(type + 1)", array.elementType)
  }

  private static let tokenTypes = ["normal", "unknown", "control", "user_defined", "unused", "byte"]
  private static let tokens = "tokenizer.ggml.tokens"

  /// - Throws: `FileError` where several tokens have that text.
  private func id(ofToken text: String) throws(FileError) -> Int? {
    let bytes = Array(text.utf8)
    guard let tokens = metadata[Self.tokens]?.stringBytes else { return nil }
    let ids = tokens.indices.filter { tokens[$0] == bytes }
    guard ids.count <= 1 else {
      throw failure(
        .mismatch, Self.tokens,
        "\(ids.count) tokens are called \(FileError.quoted(text)), such as \(ids[0]) and \(ids[1]); say the id")
    }
    return ids.first
  }

  /// The type of a key that every GGUF means alike.
  private static func usualType(of key: String) -> String? {
    if key.hasSuffix("_token_id") { return "u32" }
    if key.hasPrefix("tokenizer.ggml.add_") || key == "tokenizer.ggml.remove_extra_whitespaces" { return "bool" }
    if key == "tokenizer.chat_template" || key.hasPrefix("tokenizer.chat_template.") { return "string" }
    let strings = [
      "name", "author", "version", "organization", "description", "license", "basename", "finetune", "size_label",
      "url",
      "repo_url", "quantized_by", "license.name", "license.link", "doi", "uuid", "source.url", "source.repo_url",
    ]
    if strings.contains(where: { key == "general." + $0 }) || key == "tokenizer.ggml.pre" { return "string" }
    return key == "general.tags" || key == "general.languages" ? "[string]" : nil
  }

  /// - Throws: `FileError` when a key that was set names a token that the vocabulary does not have.
  private func checkIDs() throws(FileError) {
    guard let count = metadata[Self.tokens]?.elementCount else { return }
    for change in changes where change.key.hasPrefix("tokenizer.ggml.") && change.key.hasSuffix("_token_id") {
      guard let id = change.after?.unsigned, id >= UInt64(count) else { continue }
      throw failure(.mismatch, change.key, "the vocabulary has \(count) tokens, and no id \(id)")
    }
  }
}
