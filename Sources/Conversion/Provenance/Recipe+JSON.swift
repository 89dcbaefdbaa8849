package import Bytes
internal import Digests
package import JSON
internal import Quantization
internal import Tensors

// A recipe as JSON. What has its usual value is left out.

extension Recipe {
  /// Most overrides of a record that is read, and most bytes of their patterns together: those of a model of some hundred
  /// tensors, each named by a pattern of its own, are held against its names within a second or so.
  static let mostRecordedOverrides = 1024
  static let mostRecordedPatternBytes = 1 << 15

  /// The members of the recipe's JSON object.
  /// - Throws: `FileError` when something in it has no written form.
  package func members() throws(FileError) -> [String: JSONValue] {
    var members: [String: JSONValue] = ["rule": .string(rule.kind)]
    members["type"] = rule.typeText.map(JSONValue.string)
    if case .table(let table) = rule { members["types"] = .object(table.members) }
    if !overrides.isEmpty {
      members["overrides"] = .array(
        overrides.map { ["pattern": .string($0.pattern), "type": .string($0.type.text)] })
    }
    members["output_type"] = outputType.map { .string($0.text) }
    members["embedding_type"] = embeddingType.map { .string($0.text) }
    if leavesOutput { members["leaves_output"] = true }
    if refusesFallback { members["refuses_fallback"] = true }
    if undoesActOrder { members["undoes_act_order"] = true }
    if !kept.isEmpty { members["kept"] = .array(kept.sorted().map(JSONValue.string)) }
    if !prunedLayers.isEmpty { members["pruned_layers"] = .array(prunedLayers.sorted().map(JSONValue.integer)) }
    var texts: [JSONValue] = []
    for override in metadata {
      guard let text = override.text else {
        throw FileError(
          .unsupported, path: "recipe", subject: override.key,
          "a value of the type \(override.value.typeName) cannot be recorded", remedy: .leaveOutProvenance)
      }
      texts.append(.string(text))
    }
    if !texts.isEmpty { members["metadata"] = .array(texts) }
    members["file_type"] = fileType.map { .integer(Int($0)) }
    members["name"] = modelName.map(JSONValue.string)
    members["pre_tokenizer"] = preTokenizer.map(JSONValue.string)
    if let calibration {
      members["calibration"] = [
        "name": .string(calibration.name), "xxh3_128": .string(calibration.digest),
        "codes": .bool(!leavesCodesToReference),
      ]
    } else if let importance {
      members["importance"] = [
        "name": .string(FileSystem.lastComponent(importance.name)), "xxh3_128": .string(importance.digest.description),
      ]
    }
    return members
  }

  /// Reads such an object.
  /// - Parameters:
  ///   - importance: the matrix that the object may name.
  ///   - calibration: the same of a calibration.
  ///   - path: what errors call the file that holds it.
  /// - Throws: `FileError` when this version does not know something in it, or the matrix is not the one it names.
  package init(
    _ document: JSONValue, importance: ImportanceMatrix?, calibration: CalibrationFile? = nil, path: String
  ) throws(FileError) {
    func type(_ value: JSONValue?) throws(FileError) -> TargetType? {
      guard let value else { return nil }
      guard let type = value.string.flatMap(TargetType.init(text:)) else { throw Self.unknown("type", value, path) }
      return type
    }
    if document["rule"]?.string == "table" {
      guard let types = document["types"]?.object else { throw Self.unknown("table of types", document["types"], path) }
      self.init(.table(try TypeTable(members: types, path: path)))
    } else {
      self.init(try Rule(kind: document["rule"], type: document["type"], path: path))
    }
    let entries = document["overrides"]?.array ?? []
    // The record comes from a file: what could be made to match for ages is not tried.
    guard entries.count <= Self.mostRecordedOverrides,
      entries.reduce(0, { $0 + ($1["pattern"]?.string?.utf8.count ?? 0) }) <= Self.mostRecordedPatternBytes
    else {
      throw FileError(
        .unsupported, path: path, subject: Provenance.Key.recipe,
        "has more than \(Self.mostRecordedOverrides) overrides, or more than \(Self.mostRecordedPatternBytes) bytes of their patterns"
      )
    }
    for entry in entries {
      guard let pattern = entry["pattern"]?.string, let type = try type(entry["type"]) else {
        throw Self.unknown("override", entry, path)
      }
      do throws(BoundedExpression.Refusal) {
        _ = try BoundedExpression(pattern)
      } catch {
        throw FileError(
          .unsupported, path: path, subject: Provenance.Key.recipe,
          "the pattern \(FileError.quoted(pattern)) \(error.reason)")
      }
      overrides.append(try Override(pattern: pattern, type: type))
    }
    outputType = try type(document["output_type"])
    embeddingType = try type(document["embedding_type"])
    leavesOutput = document["leaves_output"]?.bool ?? false
    refusesFallback = document["refuses_fallback"]?.bool ?? false
    undoesActOrder = document["undoes_act_order"]?.bool ?? false
    self = keeping(Set((document["kept"]?.array ?? []).compactMap(\.string)))
    prunedLayers = Set((document["pruned_layers"]?.array ?? []).compactMap(\.int))
    for entry in document["metadata"]?.array ?? [] {
      guard let override = entry.string.flatMap(MetadataOverride.init) else {
        throw Self.unknown("metadata", entry, path)
      }
      metadata.append(override)
    }
    fileType = document["file_type"]?.int.flatMap(UInt32.init(exactly:))
    modelName = document["name"]?.string
    preTokenizer = document["pre_tokenizer"]?.string
    self.importance = try Self.importance(document["importance"], given: importance, path: path)
    self.calibration = try Self.calibration(document["calibration"], given: calibration, path: path)
    leavesCodesToReference = document["calibration"]?["codes"]?.bool == false
  }

  private static func calibration(
    _ recorded: JSONValue?, given: CalibrationFile?, path: String
  ) throws(FileError) -> CalibrationFile? {
    guard let name = recorded?["name"]?.string, let digest = recorded?["xxh3_128"]?.string else {
      guard let given else { return nil }
      throw FileError(.mismatch, path: given.path, "\(FileError.quoted(path)) was made without a calibration")
    }
    guard let given else {
      throw FileError(
        .missing, path: path, "was made with the calibration \(FileError.quoted(name))", remedy: .nameCalibration)
    }
    guard given.digest == digest else {
      throw FileError(
        .mismatch, path: given.path,
        "is not the calibration \(FileError.quoted(name)) that \(FileError.quoted(path)) was made with")
    }
    return given.named(name)
  }

  /// The matrix that was given under the name that the record has for it.
  private static func importance(
    _ recorded: JSONValue?, given: ImportanceMatrix?, path: String
  ) throws(FileError) -> ImportanceMatrix? {
    guard let name = recorded?["name"]?.string, let digest = recorded?["xxh3_128"]?.string else {
      guard let given else { return nil }
      throw FileError(.mismatch, path: given.name, "\(FileError.quoted(path)) was made without an importance matrix")
    }
    guard let given else {
      throw FileError(
        .missing, path: path,
        "was made with the importance matrix \(FileError.quoted(name))", remedy: .nameImportanceMatrix)
    }
    guard given.digest.description == digest else {
      throw FileError(
        .mismatch, path: given.name,
        "is not the importance matrix \(FileError.quoted(name)) that \(FileError.quoted(path)) was made with")
    }
    return ImportanceMatrix(
      name: name, entries: given.entries, datasets: given.datasets, chunkCount: given.chunkCount,
      chunkSize: given.chunkSize)
  }

  fileprivate static func unknown(_ what: String, _ value: JSONValue?, _ path: String) -> FileError {
    let text = (value.flatMap { try? $0.serialized(pretty: false) }).map { String(decoding: $0, as: UTF8.self) }
    return FileError(
      .unsupported, path: path, subject: Provenance.Key.recipe,
      "the \(what) \(FileError.quoted(text ?? "")) is not known to decant \(Version.current)")
  }
}

extension Recipe.Rule {
  fileprivate var kind: String {
    switch self {
    case .keep: "keep"
    case .elements: "elements"
    case .everyMatrix: "every_matrix"
    case .mix: "mix"
    case .linearLayers: "linear_layers"
    case .layout: "layout"
    case .table: "table"
    }
  }

  fileprivate var typeText: String? {
    switch self {
    case .keep, .table: nil
    case .elements(let type), .everyMatrix(let type), .linearLayers(let type): type.text
    case .mix(let mix): mix.name
    case .layout(let key): key
    }
  }

  fileprivate init(kind: JSONValue?, type: JSONValue?, path: String) throws(FileError) {
    let text = type?.string ?? ""
    switch (kind?.string, TargetType(text: text), NamedMix.named(text)) {
    case ("keep", _, _): self = .keep
    case ("elements", let type?, _): self = .elements(type)
    case ("every_matrix", let type?, _): self = .everyMatrix(type)
    case ("linear_layers", let type?, _): self = .linearLayers(type)
    case ("mix", _, let mix?): self = .mix(mix)
    case ("layout", _, _) where WeightLayouts.writing(text) != nil: self = .layout(text)
    default: throw Recipe.unknown("rule", kind, path)
    }
  }
}

extension TargetType {
  /// As `init(text:)` reads it: `q4_0`, `nf4`, `nf4/128+dq`, `gptq:int4/128`.
  public var text: String { groups?.text ?? name + (isDoubleQuantized ? "+dq" : "") }

  /// nil where there is no such type, or it can only be read.
  init?(text: String) {
    if let groups = GroupType(text: text) {
      self.init(groups: groups)
      return
    }
    let plain = text.hasSuffix("+dq") ? String(text.dropLast(3)) : text
    guard let codec = Catalog.codec(named: plain), codec.canEncode else { return nil }
    self.init(codec: codec, isDoubleQuantized: plain != text)
  }
}

extension MetadataOverride {
  /// As `init(_:)` reads it; nil for a value of another type.
  var text: String? {
    switch value {
    case .uint32(let number): "\(key)=int:\(number)"
    case .float32(let number): "\(key)=float:\(number)"
    case .bool(let value): "\(key)=bool:\(value)"
    case .string(let text): "\(key)=str:\(text)"
    default: nil
    }
  }
}

extension ImportanceMatrix {
  /// XXH3-128 of everything an encoder or an output takes from it.
  var digest: FastDigest {
    var stream = FastDigest.Stream()
    stream.add("\(datasets) \(chunkCount)\n")
    for name in weightNames {
      guard let entry = entries[name] else { continue }
      stream.add("\(name) \(entry.counts)\n")
      entry.sums.withBytes { stream.add($0) }
    }
    return stream.digest
  }
}
