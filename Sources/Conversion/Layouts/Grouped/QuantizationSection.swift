internal import Bytes
internal import JSON
internal import Tensors

/// What config.json says of how weights are quantized.
struct QuantizationSection {
  /// `quant_method`; empty where the section has none, as MLX's.
  let method: String
  let members: [String: JSONValue]
  /// What messages call the file of weights.
  let path: String

  /// Keys of config.json that it may stand under.
  static let keys = ["quantization_config", "compression_config", "quantization"]

  /// nil where config.json says nothing.
  init?(_ config: JSONValue?, path: String) {
    let key = Self.keys.first { config?[$0]?.object != nil }
    guard let key, let members = config?[key]?.object else { return nil }
    self.members = members
    self.path = path
    method = (members["quant_method"] ?? members["method"])?.string ?? ""
  }

  subscript(key: String) -> JSONValue? { members[key].flatMap(\.unlessNull) }

  /// A whole number under the first of some keys that is there.
  /// - Throws: `FileError` for anything else.
  func integer(_ keys: String...) throws(FileError) -> Int? {
    guard let key = keys.first(where: { self[$0] != nil }), let value = self[key] else { return nil }
    guard let number = value.int else { throw refusal(of: key, "a whole number") }
    return number
  }

  /// - Throws: `FileError` where the first of some keys is there and has a value that is not read.
  func require(_ keys: [String], oneOf values: [String], or absent: String) throws(FileError) -> String {
    guard let key = keys.first(where: { self[$0] != nil }), let value = self[key] else { return absent }
    guard let text = value.string?.lowercased(), values.contains(text) else {
      throw refusal(of: key, values.joined(separator: " or "))
    }
    return text
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

  // MARK: - Methods

  /// What the section is of, as a sentence goes on.
  var says: String { method.isEmpty ? "\"quantization\" (MLX)" : "quant_method \(FileError.quoted(method))" }

  /// Quantizers of transformers that quantize plain weights when they are loaded, so that a section may be of such.
  private static let whenLoading = ["bitsandbytes"]

  /// Methods that are not read, and the library that opens them.
  private static let unread: [String: String] = [
    "aqlm": "aqlm", "bitnet": "transformers", "eetq": "eetq", "exl2": "exllamav2", "exl3": "exllamav3",
    "fouroversix": "fouroversix", "fp_quant": "fp_quant", "gguf": "transformers", "gptq_p": "gptqmodel",
    "higgs": "flute",
    "hqq": "hqq", "marlin": "vLLM", "mxfp8": "mlx-lm", "paroquant": "gptqmodel", "qqq": "gptqmodel",
    "quanto": "optimum-quanto",
    "quark": "quark", "sinq": "sinq", "spqr": "spqr_quant", "torchao": "torchao", "vptq": "vptq",
  ]

  /// - Throws: `FileError` where weights are quantized by what is not read.
  func refuseUnknownMethod() throws(FileError) {
    guard !WeightLayouts.all.contains(where: { $0.methods.contains(method) }) else { return }
    let library = Self.unread[method.lowercased()].map { "; \($0) opens it" } ?? ""
    throw FileError(
      .unsupported, path: path, subject: "quantization_config.quant_method",
      "\(FileError.quoted(method)) is a way to quantize that is not read\(library); convert from the unquantized model")
  }

  /// - Throws: `FileError` where no weight is quantized, though the section says so.
  func requireWeights(_ weights: [any LaidOutWeight]) throws(FileError) {
    guard weights.isEmpty, !Self.whenLoading.contains(method), self["quantization_status"]?.string != "frozen",
      !members.isEmpty
    else { return }
    throw FileError(
      .mismatch, path: path, subject: method.isEmpty ? "quantization" : "quantization_config",
      "says that weights are quantized (\(says)), but none is; take it out of config.json where they are plain")
  }

  /// config.json with the section that older files of modelopt have in hf_quant_config.json alone.
  static func completed(_ config: JSONValue, in folder: String) throws(FileError) -> JSONValue {
    let path = FileSystem.join(folder, "hf_quant_config.json")
    guard var members = config.object, config["quantization_config"]?.unlessNull == nil, try FileSystem.hasFile(path),
      let section = try Checkpoint.json(at: path)["quantization"]?.object
    else { return config }
    members["quantization_config"] = .object(section.merging(["quant_method": "modelopt"]) { own, _ in own })
    return .object(members)
  }

  func refusal(of key: String, _ expected: String) -> FileError {
    let text = self[key].flatMap { try? $0.serialized(pretty: false) }.map { String(decoding: $0, as: UTF8.self) }
    return FileError(
      .unsupported, path: path, subject: "quantization_config.\(key)",
      "is \((text ?? "missing").printable), but only \(expected) can be read")
  }
}
