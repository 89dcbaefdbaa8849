package import Bytes
internal import GGUF
internal import JSON
internal import Tensors

/// The settings that decide how a LoRA adapter is merged: of PEFT's `adapter_config.json`, of mlx-lm's, or a GGUF's.
package struct AdapterConfig {
  private let path: String
  private let defaultRank: Int
  private let defaultAlpha: Double
  private let rankPattern: [(module: String, value: Double)]
  private let alphaPattern: [(module: String, value: Double)]
  /// What products of factors are multiplied by where that does not follow from their rank.
  private let fixedScale: Double?
  let usesRankStabilizedScale: Bool
  let usesDoRA: Bool
  let fanInFanOut: Bool
  /// Ends of the names of modules that are trained whole, on copies of their own.
  private let savedModules: [String]
  /// Most of them: each tensor of the model and of the adapter is held against all.
  static let mostSavedModules = 1024
  /// Rows of embeddings that are trained by themselves, by the end of the module's name.
  let tokenRows: [TokenRows]
  /// Whether the first columns' span was taken out of each weight before the training.
  let takesColumnsOut: Bool
  /// Whether what changes the embedding changes a head that is tied to it too.
  let ensuresTying: Bool
  /// The model it was trained on, as the training named it.
  let baseModel: String?

  /// Rows of one embedding.
  struct TokenRows {
    /// The end of the module's name; nil for the model's own embedding of tokens.
    let module: String?
    let rows: [Int]
  }

  init(_ spelling: AdapterSpelling, path: String) throws(FileError) {
    let bytes = try InputFile.document(of: path, limit: 16 << 20)
    if spelling == .mlx {
      try self.init(mlx: bytes, path: path)
    } else {
      try self.init(parsing: bytes, path: path)
    }
  }

  private init(
    rank: Int, alpha: Double, fixedScale: Double?, usesDoRA: Bool, baseModel: String?, path: String
  ) {
    self.path = path
    defaultRank = rank
    defaultAlpha = alpha
    (rankPattern, alphaPattern) = ([], [])
    self.fixedScale = fixedScale
    self.usesDoRA = usesDoRA
    self.baseModel = baseModel
    (usesRankStabilizedScale, fanInFanOut, takesColumnsOut, ensuresTying) = (false, false, false, false)
    (savedModules, tokenRows) = ([], [])
  }

  // MARK: - MLX

  /// Whether settings are those of mlx-lm.
  static func isOfMLX(_ json: JSONValue) -> Bool {
    json["peft_type"] == nil && (json["fine_tune_type"] != nil || json["lora_parameters"] != nil)
  }

  /// mlx-lm writes down whatever its training was told; what its `load_adapters` reads of that decides.
  /// - Parameter path: what errors name.
  package init(mlx bytes: [UInt8], path: String) throws(FileError) {
    let json = try Self.document(bytes, path: path)
    func malformed(_ key: String, _ message: String) -> FileError {
      FileError(.malformed, path: path, subject: key, message)
    }
    var kind = "lora"
    if let value = json["fine_tune_type"], !value.isNull {
      guard let text = value.string else { throw malformed("fine_tune_type", "is not a string") }
      kind = text
    } else if json["use_dora"]?.bool == true {
      kind = "dora"
    }
    guard ["lora", "dora", "full"].contains(kind) else {
      throw FileError(
        .unsupported, path: path, subject: "fine_tune_type", "\(FileError.quoted(kind)) is not lora, dora or full")
    }
    let baseModel = json["model"]?.string
    guard kind != "full" else {
      self.init(rank: 1, alpha: 1, fixedScale: 1, usesDoRA: false, baseModel: baseModel, path: path)
      return
    }
    guard let parameters = json["lora_parameters"], let members = parameters.object else {
      throw malformed("lora_parameters", "is not there as an object, and the scale is in it")
    }
    // Alpha stands beside the scale in old files, and was not read.
    if let unknown = members.keys.sorted().first(where: { !["rank", "scale", "dropout", "keys", "alpha"].contains($0) })
    {
      throw FileError(
        .unsupported, path: path, subject: "lora_parameters.\(unknown)",
        "is not a setting that is known here, so that a merge might be wrong")
    }
    guard let rank = parameters["rank"]?.int, rank > 0 else {
      throw malformed("lora_parameters.rank", "is not a positive whole number")
    }
    guard let scale = parameters["scale"]?.double, Float(scale).isFinite else {
      throw malformed("lora_parameters.scale", "is not a number within the range of F32, in which a merge computes")
    }
    self.init(
      rank: rank, alpha: scale * Double(rank), fixedScale: scale, usesDoRA: kind == "dora", baseModel: baseModel,
      path: path)
  }

  // MARK: - GGUF

  /// llama.cpp's keys. An alpha that is zero or missing stands for a scale of 1.
  init(metadata: GGUFMetadata, path: String) throws(FileError) {
    if let kind = metadata["adapter.type"]?.string, kind != "lora" {
      throw FileError(
        .unsupported, path: path, subject: "adapter.type", "\(FileError.quoted(kind)) is not supported; lora is")
    }
    guard metadata["adapter.type"]?.string != nil else {
      throw FileError(.malformed, path: path, subject: "adapter.type", "is missing, or no string")
    }
    if let tokens = metadata["adapter.alora.invocation_tokens"], tokens.elementCount != 0 {
      throw FileError(
        .unsupported, path: path, subject: "adapter.alora.invocation_tokens",
        "switch the adapter on behind these tokens only, so that no merged weights can stand for it; run it with llama.cpp"
      )
    }
    var alpha: Float = 0
    if let value = metadata["adapter.lora.alpha"] {
      guard case .float32(let number) = value else {
        throw FileError(
          .malformed, path: path, subject: "adapter.lora.alpha", "is \(value.summary), but an f32 is expected")
      }
      guard number.isFinite else {
        throw FileError(.malformed, path: path, subject: "adapter.lora.alpha", "is NaN or infinite")
      }
      alpha = number
    }
    self.init(
      rank: 1, alpha: Double(alpha), fixedScale: alpha == 0 ? 1 : nil, usesDoRA: false,
      baseModel: metadata["general.base_model.0.name"]?.string, path: path)
  }

  // MARK: - PEFT

  private static func document(_ bytes: [UInt8], path: String) throws(FileError) -> JSONValue {
    let json: JSONValue
    do throws(JSONError) {
      json = try JSONValue(parsing: bytes)
    } catch {
      throw FileError(.malformed, path: path, error.description)
    }
    guard json.object != nil else { throw FileError(.malformed, path: path, "is not a JSON object") }
    return json
  }

  /// - Parameter path: what errors name.
  package init(parsing bytes: [UInt8], path: String) throws(FileError) {
    let json = try Self.document(bytes, path: path)
    self.path = path
    func malformed(_ key: String, _ message: String) -> FileError {
      FileError(.malformed, path: path, subject: key, message)
    }
    let members = json.object ?? [:]
    if Self.isOfMLX(json) {
      throw FileError(
        .mismatch, path: path,
        "is of an adapter of MLX, but the weights beside it are not called \(AdapterFiles.mlxWeights)")
    }
    if let kind = members["peft_type"], kind != "LORA" {
      throw FileError(
        .unsupported, path: path, subject: "peft_type",
        "\(kind.string ?? "a kind that is not a string") is not supported; LORA is. PEFT itself can merge most kinds "
          + "(merge_and_unload), and what that saves can be converted")
    }
    try AdapterSetting.check(members, path: path)
    func flag(_ key: String) throws(FileError) -> Bool {
      guard let value = json[key], !value.isNull else { return false }
      guard let flag = value.bool else { throw malformed(key, "is neither true nor false") }
      return flag
    }
    if let reason = Self.refusal(ofInitialization: json["init_lora_weights"] ?? .null) {
      throw FileError(.unsupported, path: path, subject: "init_lora_weights", reason)
    }
    guard let rank = json["r"]?.int, rank > 0 else { throw malformed("r", "is not a positive whole number") }
    guard let alpha = json["lora_alpha"]?.double, Float(alpha).isFinite else {
      throw malformed("lora_alpha", "is not a number within the range of F32, in which a merge computes")
    }
    defaultRank = rank
    defaultAlpha = alpha
    let orders = Self.orders(of: ["rank_pattern", "alpha_pattern"], in: bytes)
    rankPattern = try Self.pattern(json["rank_pattern"], order: orders["rank_pattern"] ?? []) {
      malformed("rank_pattern", $0)
    }
    alphaPattern = try Self.pattern(json["alpha_pattern"], order: orders["alpha_pattern"] ?? []) {
      malformed("alpha_pattern", $0)
    }
    fixedScale = nil
    usesRankStabilizedScale = try flag("use_rslora")
    usesDoRA = try flag("use_dora")
    fanInFanOut = try flag("fan_in_fan_out")
    takesColumnsOut = json["init_lora_weights"]?.string?.lowercased() == "olora"
    ensuresTying = try flag("ensure_weight_tying")
    baseModel = json["base_model_name_or_path"]?.string
    savedModules = try Self.names(json["modules_to_save"] ?? .null) { malformed("modules_to_save", $0) }
    guard savedModules.count <= Self.mostSavedModules else {
      throw FileError(
        .unsupported, path: path, subject: "modules_to_save",
        "lists \(savedModules.count) modules; at most \(Self.mostSavedModules) are supported")
    }
    tokenRows = try Self.tokenRows(json["trainable_token_indices"] ?? .null) {
      malformed("trainable_token_indices", $0)
    }
  }

  /// Why an adapter that began in this way cannot be merged, as a sentence; nil where it can.
  ///
  /// Some ways take a part of the model out of it, which PEFT does again when it loads the adapter.
  private static func refusal(ofInitialization value: JSONValue) -> String? {
    if value.isNull || value.bool != nil { return nil }
    let kind = value.string ?? ""
    if ["gaussian", "eva", "orthogonal", "lora_ga", "mica"].contains(kind.lowercased()) { return nil }
    let remedy =
      "load it with PEFT as it was trained, and save it again with save_pretrained(path_initial_model_for_weight_conversion=...)"
    if kind.hasPrefix("pissa_niter_") {
      return "\(kind) takes a part of the model out that follows from random numbers; \(remedy)"
    }
    switch kind.lowercased() {
    case "olora":
      return nil
    case "pissa":
      return "\(kind) takes the largest singular values of the model out before it is trained, which is not done here; "
        + remedy
    case "corda":
      return "corda takes a part of the model out that follows from data which the adapter does not hold; \(remedy)"
    case "loftq":
      return "loftq replaces the model by one that was quantized on the device of the training; \(remedy)"
    default:
      let given = value.string.map(FileError.quoted) ?? "a value that is not a string"
      return "\(given) is not a way of initialization that is known"
    }
  }

  private static func names(_ value: JSONValue, _ malformed: (String) -> FileError) throws(FileError) -> [String] {
    if value.isNull { return [] }
    guard let entries = value.array else { throw malformed("is not a list") }
    var names: [String] = []
    for entry in entries {
      guard let name = entry.string, !name.isEmpty else { throw malformed("is not a list of names") }
      names.append(name)
    }
    return names
  }

  private static func tokenRows(_ value: JSONValue, _ malformed: (String) -> FileError) throws(FileError) -> [TokenRows]
  {
    func rows(_ value: JSONValue) throws(FileError) -> [Int] {
      guard let entries = value.array else { throw malformed("is neither a list of tokens nor lists by module") }
      var rows: [Int] = []
      for entry in entries {
        guard let row = entry.int, row >= 0 else {
          throw malformed("holds something other than token ids (whole numbers from 0)")
        }
        rows.append(row)
      }
      guard Set(rows).count == rows.count else { throw malformed("names a token twice") }
      return rows
    }
    if value.isNull { return [] }
    guard let modules = value.object else { return [TokenRows(module: nil, rows: try rows(value))] }
    var result: [TokenRows] = []
    for (module, list) in modules.sorted(by: { $0.key < $1.key }) {
      result.append(TokenRows(module: module, rows: try rows(list)))
    }
    return result
  }

  /// Whether a module, or one that it is a part of, is trained whole. PEFT compares the ends of names.
  func savesWhole(_ module: String) -> Bool {
    var path = ""
    for part in module.split(separator: ".") {
      path += path.isEmpty ? part : "." + part
      if savedModules.contains(where: path.hasSuffix) { return true }
    }
    return false
  }

  /// The keys of some members in the order of the file: where several patterns match a module, the first one counts.
  private static func orders(of names: Set<String>, in bytes: [UInt8]) -> [String: [String]] {
    var orders: [String: [String]] = [:]
    var reader = JSONReader(bytes)
    do throws(JSONError) {
      try reader.beginObject()
      while let name = try reader.nextKey() {
        guard names.contains(name), try reader.peek() == .object else {
          try reader.skipValue()
          continue
        }
        try reader.beginObject()
        while let key = try reader.nextKey() {
          orders[name, default: []].append(key)
          try reader.skipValue()
        }
      }
    } catch {
      // The document has been parsed already, so that there is nothing new to say of it.
    }
    return orders
  }

  private static func pattern(
    _ value: JSONValue?, order: [String], _ malformed: (String) -> FileError
  ) throws(FileError) -> [(module: String, value: Double)] {
    guard let value, !value.isNull else { return [] }
    guard let members = value.object else { throw malformed("is not an object") }
    var pattern: [(module: String, value: Double)] = []
    for module in order {
      guard let number = members[module]?.double, Float(number).isFinite else {
        throw malformed("\(module) is not a number within the range of F32, in which a merge computes")
      }
      if let reason = ModulePatterns.refusal(of: module) { throw malformed("\(FileError.quoted(module)) \(reason)") }
      pattern.append((module, number))
    }
    guard pattern.count(where: { !ModulePatterns.isPlain($0.module) }) <= ModulePatterns.mostExpressions else {
      throw malformed("has more than \(ModulePatterns.mostExpressions) regular expressions")
    }
    guard Set(pattern.map { ModulePatterns.Shape(Array($0.module.utf8)) }).count <= ModulePatterns.mostShapes else {
      throw malformed("has names of more than \(ModulePatterns.mostShapes) lengths and places of periods")
    }
    return pattern
  }

  /// What the settings are for some modules.
  package func settings(of modules: some Sequence<String>) -> [String: ModuleSettings] {
    let ranks = ModulePatterns(rankPattern)
    let alphas = ModulePatterns(alphaPattern)
    var settings: [String: ModuleSettings] = [:]
    for module in modules {
      settings[module] = ModuleSettings(
        rank: ranks.value(of: module) ?? Double(defaultRank),
        alpha: alphas.value(of: module) ?? defaultAlpha)
    }
    return settings
  }

  /// The rank of a module's factors.
  package func rank(_ settings: ModuleSettings) throws(FileError) -> Int {
    guard let whole = Int(exactly: settings.rank), whole > 0 else {
      throw FileError(.malformed, path: path, subject: "rank_pattern", "\(settings.rank) is not a rank")
    }
    return whole
  }

  /// What the product of a module's factors is multiplied by: alpha / r, or alpha / sqrt(r) for rsLoRA.
  package func scale(_ settings: ModuleSettings, rank: Int) -> Float {
    Float(
      fixedScale
        ?? (usesRankStabilizedScale ? settings.alpha / Double(rank).squareRoot() : settings.alpha / Double(rank)))
  }

  /// The alpha that gives that scale where it is divided by the rank.
  func alpha(_ settings: ModuleSettings, rank: Int) -> Double {
    usesRankStabilizedScale ? settings.alpha * Double(rank).squareRoot() : settings.alpha
  }

  /// What a GGUF says of a module with factors of that rank.
  func settings(rank: Int) -> ModuleSettings { ModuleSettings(rank: Double(rank), alpha: defaultAlpha) }
}

/// What the configuration says of one module.
package struct ModuleSettings {
  let rank: Double
  let alpha: Double
}
