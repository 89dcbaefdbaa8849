internal import Bytes
internal import JSON
internal import Tensors

/// What config.json says of how weights are quantized.
struct QuantizationSection {
  /// `quant_method`; empty where the section has none, as MLX's.
  let method: String
  let members: [String: JSONValue]
  /// Whether it is what mlx-lm writes, or beside it.
  private let isMLX: Bool
  /// What messages call the file of weights.
  let path: String

  /// Keys of config.json that it may stand under.
  static let keys = ["quantization_config", "compression_config", "quantization"]

  /// nil where config.json says nothing.
  init?(_ config: JSONValue?, path: String) {
    let key = Self.keys.first { config?[$0]?.object != nil }
    guard let key, let members = config?[key]?.object else { return nil }
    self.members = members
    isMLX = config?["quantization"]?.object != nil
    self.path = path
    method = (members["quant_method"] ?? members["method"])?.string ?? ""
  }

  /// - Throws: `FileError` where config.json says nothing that can be understood, or says two things.
  static func check(_ config: JSONValue?, path: String) throws(FileError) {
    for key in keys {
      guard let value = config?[key]?.unlessNull else { continue }
      guard let members = value.object else {
        throw LayoutRule.oneSection.broken(
          .malformed, path: path, subject: key, "is no object, so that it does not say how weights are quantized")
      }
      for name in ["quant_method", "method"] {
        guard let method = members[name]?.unlessNull, method.string == nil else { continue }
        throw LayoutRule.oneSection.broken(
          .malformed, path: path, subject: "\(key).\(name)", "is no string, so that it names no way to quantize")
      }
    }
    guard let own = config?["quantization"]?.unlessNull, let other = config?["quantization_config"]?.unlessNull,
      own != other
    else { return }
    throw LayoutRule.oneSection.broken(
      .mismatch, path: path, subject: "quantization",
      "says something else than quantization_config does; mlx-lm reads the former, other programs the latter")
  }

  subscript(key: String) -> JSONValue? { members[key].flatMap(\.unlessNull) }

  /// The first of some keys that is there, and what it says.
  /// - Throws: `FileError` where another of them says something else.
  private func first(of keys: [String]) throws(FileError) -> (key: String, value: JSONValue)? {
    let found = keys.compactMap { key in self[key].map { (key: key, value: $0) } }
    guard let first = found.first else { return nil }
    if let other = found.first(where: { $0.value != first.value }) {
      throw LayoutRule.settings.broken(
        .mismatch, path: path, subject: "quantization_config.\(other.key)",
        "says something else than \(first.key) does, which means the same")
    }
    return first
  }

  /// A whole number under the first of some keys that is there.
  /// - Throws: `FileError` for anything else.
  func integer(_ keys: String...) throws(FileError) -> Int? {
    guard let (key, value) = try first(of: keys) else { return nil }
    guard let number = value.int else { throw refusal(of: key, "a whole number") }
    return number
  }

  /// - Throws: `FileError` where the first of some keys is there and has a value that is not read.
  func require(_ keys: [String], oneOf values: [String], or absent: String) throws(FileError) -> String {
    guard let (key, value) = try first(of: keys) else { return absent }
    guard let text = value.string?.lowercased(), values.contains(text) else {
      throw refusal(of: key, values.joined(separator: " or "))
    }
    return text
  }

  /// The members of an object; none where it is not there.
  /// - Throws: `FileError` for anything else.
  func object(_ key: String) throws(FileError) -> [String: JSONValue] {
    guard let value = self[key] else { return [:] }
    guard let members = value.object else { throw refusal(of: key, "an object") }
    return members
  }

  /// The strings of a list; none where it is not there.
  /// - Throws: `FileError` for anything else.
  func strings(_ key: String) throws(FileError) -> [String] {
    guard let value = self[key] else { return [] }
    guard let strings = value.strings else { throw refusal(of: key, "a list of strings") }
    return strings
  }

  /// - Throws: `FileError` where it is there and no truth value.
  func isTrue(_ key: String) throws(FileError) -> Bool {
    guard let value = self[key] else { return false }
    guard let truth = value.bool else { throw refusal(of: key, "true or false") }
    return truth
  }

  /// Refuses settings that change what codes stand for.
  func refuse(_ keys: [String]) throws(FileError) {
    for key in keys {
      guard let value = self[key], value != .bool(false), value.object?.isEmpty != true, value.array?.isEmpty != true
      else { continue }
      throw FileError(
        .unsupported, path: path, subject: "quantization_config.\(key)",
        "changes what the weights are, and is not read; convert from the unquantized model")
    }
  }

  /// Refuses keys that are not known, beside that of the method: they may change what codes stand for.
  func requireKnown(_ keys: Set<String>) throws(FileError) {
    let known = keys.union(["quant_method"])
    guard let stranger = members.keys.sorted().first(where: { !known.contains($0) && self[$0] != nil }) else { return }
    throw FileError(
      .unsupported, path: path, subject: "quantization_config.\(stranger)",
      "is a setting of \(method) that is not known here, and may change what the weights are; convert from the "
        + "unquantized model")
  }

  // MARK: - Methods

  /// What the section is of, as a sentence goes on.
  var says: String {
    guard method.isEmpty else { return "quant_method \(FileError.quoted(method))" }
    return isMLX ? "\"quantization\" (MLX)" : "no quant_method"
  }

  /// Quantizers of transformers that quantize plain weights when they are loaded, so that a section may be of such.
  private static let whenLoading = ["bitsandbytes"]

  /// - Throws: `FileError` where weights are quantized, or packed, by what is not read.
  func refuseUnknownMethod() throws(FileError) {
    let key = "quant_method"
    let said = [(key, method)] + ["checkpoint_format", "format"].map { ($0, self[$0]?.string ?? "") }
    for (key, value) in said {
      guard let scheme = UnreadScheme.all.first(where: { $0.methods.contains(value.lowercased()) }) else { continue }
      throw scheme.refusal(path: path, subject: "quantization_config.\(key)", "\(FileError.quoted(value)) is")
    }
    guard !WeightLayouts.all.contains(where: { $0.methods.contains(method) }) else { return }
    throw FileError(
      .unsupported, path: path, subject: "quantization_config.\(key)",
      "\(FileError.quoted(method)) is a way to quantize that is not read; convert from the unquantized model")
  }

  /// - Throws: `FileError` where no weight is quantized, though the section says so.
  func requireWeights(_ weights: [any LaidOutWeight]) throws(FileError) {
    guard weights.isEmpty, !Self.whenLoading.contains(method), !members.isEmpty,
      method != "compressed-tensors" || self["quantization_status"]?.string != "frozen"
    else { return }
    throw LayoutRule.configAndTensors.broken(
      .mismatch, path: path, subject: method.isEmpty ? "quantization" : "quantization_config",
      "says that weights are quantized (\(says)), but none is; take it out of config.json where they are plain")
  }

  /// Files that have the section where config.json has none, and the method that they are of. They lie beside weights that were
  /// decoded, too, so that they count where there is a `qweight`. Source: AutoGPTQ, AutoAWQ.
  private static let older = [("quantize_config.json", "gptq"), ("quant_config.json", "awq")]

  /// config.json with the section that older files of modelopt have in hf_quant_config.json alone, and those of AutoGPTQ and
  /// AutoAWQ in files of their own.
  static func completed(
    _ config: JSONValue, in folder: String, besides source: any TensorSource
  ) throws(FileError) -> JSONValue {
    guard var members = config.object,
      ["quantization_config", "quantization"].allSatisfy({ config[$0]?.unlessNull == nil })
    else { return config }
    func section(_ name: String, _ method: String, _ key: String?) throws(FileError) -> JSONValue? {
      let path = FileSystem.join(folder, name)
      guard try FileSystem.hasFile(path) else { return nil }
      let document = try Checkpoint.json(at: path)
      guard let found = (key.map { document[$0] } ?? document)?.object else { return nil }
      return .object(found.merging(["quant_method": .string(method)]) { own, _ in own })
    }
    var found = try section("hf_quant_config.json", "modelopt", "quantization")
    for (name, method) in older where found == nil && source.tensors.contains(where: { $0.name.hasSuffix(".qweight") })
    {
      let section = try section(name, method, nil)
      if section?["bits"] != nil || section?["w_bit"] != nil { found = section }
    }
    guard let found else { return config }
    members["quantization_config"] = found
    return .object(members)
  }

  func refusal(of key: String, _ expected: String) -> FileError {
    FileError(
      .unsupported, path: path, subject: "quantization_config.\(key)",
      "is \(self[key]?.shown ?? "missing"), but only \(expected) can be read")
  }
}

extension JSONValue {
  /// Those of a list; nil for a list of others, and for what is none.
  var strings: [String]? {
    guard let array, case let strings = array.compactMap(\.string), strings.count == array.count else { return nil }
    return strings
  }

  /// As messages show it, cut where it is long.
  var shown: String {
    let text = String(decoding: (try? serialized(pretty: false)) ?? [], as: UTF8.self)
    let start = String(String.UnicodeScalarView(text.unicodeScalars.prefix(160)))
    return start.printable + (text.unicodeScalars.count > 160 ? "…" : "")
  }
}
