internal import Bytes
internal import JSON
internal import Tensors

/// The settings of one model, read from config.json or from a GGUF by the rows of its family.
struct Hyperparameters: Hashable, Sendable {
  private(set) var values: [Hyperparameter.Key: Hyperparameter.Value] = [:]

  init() {}

  subscript(key: Hyperparameter.Key) -> Hyperparameter.Value? {
    get { values[key] }
    set { values[key] = newValue }
  }

  func count(_ key: Hyperparameter.Key) -> Int? { if case .count(let value)? = values[key] { value } else { nil } }

  /// A count that its row requires.
  func size(_ key: Hyperparameter.Key) -> Int { count(key) ?? 0 }

  func number(_ key: Hyperparameter.Key) -> Float? {
    if case .number(let value)? = values[key] { Float(value) } else { nil }
  }

  func flag(_ key: Hyperparameter.Key) -> Bool { if case .flag(let value)? = values[key] { value } else { false } }

  func text(_ key: Hyperparameter.Key) -> String? { if case .text(let value)? = values[key] { value } else { nil } }

  func counts(_ key: Hyperparameter.Key) -> [Int]? {
    if case .counts(let value)? = values[key] { value } else { nil }
  }

  func flags(_ key: Hyperparameter.Key) -> [Bool]? {
    if case .flags(let value)? = values[key] { value } else { nil }
  }

  func texts(_ key: Hyperparameter.Key) -> [String]? {
    if case .texts(let value)? = values[key] { value } else { nil }
  }

  // MARK: - Reading

  /// Reads rows from one of both readers.
  /// - Throws: `FileError` naming the key that is missing or wrong.
  init(_ rows: [Hyperparameter], from reader: some SettingReader) throws(FileError) {
    for row in rows {
      let (names, fallback) = reader.names(of: row)
      if let name = names.first(where: { reader.has($0) }) {
        if case .none = fallback, case .count = row.kind, reader.zeroIsNone, reader.integer(name) == 0 { continue }
        values[row.key] = try Self.value(name, row.kind, reader)
        continue
      }
      if row.nullIsNone, names.contains(where: { reader.isNull($0) }) { continue }
      switch fallback {
      case .required: throw reader.missing(names.first ?? row.key.name)
      case .none: continue
      case .value(let value): values[row.key] = value
      case .derived(let value): values[row.key] = value(self)
      }
    }
  }

  private static func value(
    _ name: String, _ kind: Hyperparameter.Kind, _ reader: some SettingReader
  ) throws(FileError) -> Hyperparameter.Value {
    switch kind {
    case .count(let least, let most):
      guard let count = reader.integer(name), count >= least, count <= most else {
        throw reader.malformed(name, "is not a whole number between \(least) and \(most)")
      }
      return .count(count)
    case .number(let isPositive):
      guard let number = reader.double(name), number.isFinite else {
        throw reader.malformed(name, "is not a finite number")
      }
      guard !isPositive || Float(number) > 0 else { throw reader.malformed(name, "must be larger than 0") }
      guard Float(number).isFinite else { throw reader.malformed(name, "is too large") }
      return .number(number)
    case .flag:
      guard let flag = reader.flagValue(name) else { throw reader.malformed(name, "is neither true nor false") }
      return .flag(flag)
    case .text:
      guard let text = reader.string(name) else { throw reader.malformed(name, "is not a string") }
      return .text(text)
    case .counts:
      guard let counts = reader.integers(name) else { throw reader.malformed(name, "is not a list of whole numbers") }
      return .counts(counts)
    case .flags:
      guard let flags = reader.flags(name) else { throw reader.malformed(name, "is not a list of true and false") }
      return .flags(flags)
    case .texts:
      guard let texts = reader.strings(name) else { throw reader.malformed(name, "is not a list of strings") }
      return .texts(texts)
    }
  }

  // MARK: - Writing

  /// The entries of config.json.
  func config(_ rows: [Hyperparameter]) -> [String: JSONValue] {
    var entries: [String: JSONValue] = [:]
    for row in rows {
      guard let name = row.config.first else { continue }
      if let value = values[row.key] {
        entries[name] = value.json
      } else if row.nullIsNone {
        entries[name] = .null
      }
    }
    return entries
  }

  /// The keys of a GGUF, in the order of the rows.
  func metadata(_ rows: [Hyperparameter], architecture: String) -> [(key: String, value: MetadataValue)] {
    rows.compactMap { row in
      guard let key = row.gguf, let value = values[row.key], row.isSaidInGGUF(self) else { return nil }
      return ("\(architecture).\(key)", value.metadata)
    }
  }
}

extension Hyperparameter.Value {
  var json: JSONValue {
    switch self {
    case .count(let value): .integer(value)
    case .number(let value): .number(value == Double(Float(value)) ? Float(value).shortest : value)
    case .flag(let value): .bool(value)
    case .text(let value): .string(value)
    case .counts(let values): .array(values.map(JSONValue.integer))
    case .flags(let values): .array(values.map(JSONValue.bool))
    case .texts(let values): .array(values.map(JSONValue.string))
    }
  }

  /// For messages.
  var summary: String {
    switch self {
    case .count(let value): "\(value)"
    case .number(let value): "\(Float(value))"
    case .flag(let value): "\(value)"
    case .text(let value): FileError.quoted(value)
    case .counts(let values): "\(values)"
    case .flags(let values): "\(values)"
    case .texts(let values): values.joined(separator: ", ")
    }
  }

  var metadata: MetadataValue {
    switch self {
    case .count(let value): .uint32(UInt32(clamping: value))
    case .number(let value): .float32(Float(value))
    case .flag(let value): .bool(value)
    case .text(let value): .string(value)
    case .counts(let values): .int32s(values.map { Int32(clamping: $0) })
    case .flags(let values): .bools(values)
    case .texts(let values): .strings(values)
    }
  }
}

extension Float {
  /// 1e-05 rather than 9.999999747378752e-06: the decimal that a person wrote.
  var shortest: Double { Double(description) ?? Double(self) }
}
