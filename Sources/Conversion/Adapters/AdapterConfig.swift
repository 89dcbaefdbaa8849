package import Bytes
internal import JSON

/// The parts of PEFT's `adapter_config.json` that decide how a LoRA adapter is merged.
package struct AdapterConfig {
  private let path: String
  private let defaultRank: Int
  private let defaultAlpha: Double
  private let rankPattern: [(module: String, value: Double)]
  private let alphaPattern: [(module: String, value: Double)]
  private let usesRankStabilizedScale: Bool
  let usesDoRA: Bool
  let fanInFanOut: Bool

  init(path: String) throws(FileError) {
    try self.init(parsing: try InputFile.contents(of: path, limit: 16 << 20), path: path)
  }

  /// - Parameter path: what errors name.
  package init(parsing bytes: [UInt8], path: String) throws(FileError) {
    let json: JSONValue
    do throws(JSONError) {
      json = try JSONValue(parsing: bytes)
    } catch {
      throw FileError(.malformed, path: path, error.description)
    }
    self.path = path
    func malformed(_ key: String, _ message: String) -> FileError {
      FileError(.malformed, path: path, subject: key, message)
    }
    if let kind = json["peft_type"], kind != "LORA" {
      throw FileError(
        .unsupported, path: path, subject: "peft_type",
        "\(kind.string ?? "what is no string") is not supported; LORA is")
    }
    func flag(_ key: String) throws(FileError) -> Bool {
      guard let value = json[key], !value.isNull else { return false }
      guard let flag = value.bool else { throw malformed(key, "is neither true nor false") }
      return flag
    }
    // What changes the arithmetic or the shape of the model in ways that are not done here.
    for key in ["layer_replication", "trainable_token_indices", "target_parameters", "use_qalora", "use_bdlora"] {
      guard let value = json[key], !value.isNull, value.bool != false, value.array?.isEmpty != true,
        value.object?.isEmpty != true
      else { continue }
      throw FileError(.unsupported, path: path, subject: key, "adapters with this setting are not supported")
    }
    guard let rank = json["r"]?.int, rank > 0 else { throw malformed("r", "is no positive whole number") }
    guard let alpha = json["lora_alpha"]?.double, alpha.isFinite else {
      throw malformed("lora_alpha", "is no finite number")
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
    usesRankStabilizedScale = try flag("use_rslora")
    usesDoRA = try flag("use_dora")
    fanInFanOut = try flag("fan_in_fan_out")
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
    guard let members = value.object else { throw malformed("is no object") }
    var pattern: [(module: String, value: Double)] = []
    for module in order {
      guard let number = members[module]?.double, number.isFinite else {
        throw malformed("\(module) is no finite number")
      }
      if let reason = ModulePattern.refusal(of: module) { throw malformed("\(FileError.quoted(module)) \(reason)") }
      pattern.append((module, number))
    }
    guard pattern.count(where: { !ModulePattern.isPlain($0.module) }) <= ModulePattern.mostExpressions else {
      throw malformed("has more than \(ModulePattern.mostExpressions) regular expressions")
    }
    return pattern
  }

  /// What the settings are for some modules.
  package func settings(of modules: some Sequence<String>) -> [String: ModuleSettings] {
    let ranks = rankPattern.map { (pattern: ModulePattern($0.module), value: $0.value) }
    let alphas = alphaPattern.map { (pattern: ModulePattern($0.module), value: $0.value) }
    var settings: [String: ModuleSettings] = [:]
    for module in modules {
      settings[module] = ModuleSettings(
        rank: ranks.first { $0.pattern.matches(module) }?.value ?? Double(defaultRank),
        alpha: alphas.first { $0.pattern.matches(module) }?.value ?? defaultAlpha)
    }
    return settings
  }

  /// The rank of a module's factors.
  package func rank(_ settings: ModuleSettings) throws(FileError) -> Int {
    guard let whole = Int(exactly: settings.rank), whole > 0 else {
      throw FileError(.malformed, path: path, subject: "rank_pattern", "\(settings.rank) is no rank")
    }
    return whole
  }

  /// What the product of a module's factors is multiplied by: alpha / r, or alpha / sqrt(r) for rsLoRA.
  package func scale(_ settings: ModuleSettings, rank: Int) -> Float {
    Float(usesRankStabilizedScale ? settings.alpha / Double(rank).squareRoot() : settings.alpha / Double(rank))
  }
}

/// What the configuration says of one module.
package struct ModuleSettings {
  let rank: Double
  let alpha: Double
}
