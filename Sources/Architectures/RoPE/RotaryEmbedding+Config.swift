internal import Bytes
internal import JSON
internal import RealModule

// RoPE in config.json: `rope_parameters`, and the older `rope_scaling` with `rope_theta` beside it. What is computed is
// what transformers 5.24 computes (`modeling_rope_utils.py`).
extension RotaryEmbedding {
  /// Kinds with the keys that transformers reads for them.
  private static let ropeKinds: [String: Set<String>] = [
    "default": [],
    "linear": ["factor"],
    "dynamic": ["factor"],
    "llama3": ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"],
    "yarn": [
      "factor", "original_max_position_embeddings", "attention_factor", "mscale", "mscale_all_dim", "beta_fast",
      "beta_slow", "truncate",
    ],
    "longrope": ["factor", "original_max_position_embeddings", "attention_factor", "short_factor", "long_factor"],
    "proportional": ["factor"],
  ]

  /// Keys that stand beside those of any kind; `finetuned` is a remark.
  private static let ropeKeysOfAllKinds: Set<String> = [
    "rope_type", "type", "rope_theta", "partial_rotary_factor", "finetuned",
  ]

  /// What a model's class decides about how its settings are read.
  struct ConfigRules {
    /// Elements of a head that are turned.
    let dimension: Int
    let contextLength: Int
    /// Theta where nothing is said.
    var theta = 10_000.0
    /// Key of the theta at the top level of the file.
    var thetaKey = "rope_theta"
    /// Which layers, where settings are given by kinds of layers: `full_attention`.
    var layers: String?
    /// Whether the class knows a share of each head that is turned, which `dimension` has followed.
    var turnsPart = false
    /// Keys that this class reads itself.
    var ownKeys: Set<String> = []
    /// Kinds that stand for others in this class.
    var otherKinds: [String: String] = [:]
    /// Whether layers of this kind leave scaling to others.
    var hasScaling = true
    /// Settings where the file has none.
    var usual: JSONValue?
    /// Whether the theta at the top level comes before any other.
    var prefersOuterTheta = false
    /// The context of the class before it was extended, where the top level does not say.
    var originalContextLength: Int?
  }

  /// What cannot be followed is not a failure yet: many jobs leave it as it stands.
  init(_ reader: ConfigReader, _ rules: ConfigRules) {
    do throws(FileError) {
      self = try Self.understood(reader, rules)
    } catch {
      self.init(theta: 10_000, scaling: .notUnderstood(error))
    }
  }

  private static func understood(_ reader: ConfigReader, _ rules: ConfigRules) throws(FileError) -> RotaryEmbedding {
    let (headDimension, contextLength) = (rules.dimension, rules.contextLength)
    // transformers takes the older spelling where both say something.
    let older = try reader.object("rope_scaling").flatMap { $0.config.object?.isEmpty == false ? $0 : nil }
    var newer = try reader.object("rope_parameters")
    if let layers = rules.layers { newer = try settings(of: layers, newer: newer, older: older) }
    if older == nil, newer == nil, let usual = rules.usual { newer = ConfigReader(config: usual, path: reader.path) }
    let scaling = rules.hasScaling ? older ?? newer : newer
    func holder(of key: String) -> ConfigReader {
      if let scaling, scaling.has(key) { scaling } else { reader }
    }
    let thetaHolder = rules.prefersOuterTheta ? nil : scaling.flatMap { $0.has("rope_theta") ? $0 : nil }
    let theta: Float
    if let thetaHolder {
      theta = try thetaHolder.positive("rope_theta")
    } else {
      theta = try reader.positive(rules.thetaKey, default: rules.theta)
    }
    guard rules.hasScaling || newer != nil else { return RotaryEmbedding(theta: theta) }
    let kindKey = scaling?.has("rope_type") == true ? "rope_type" : "type"
    let named = try scaling?.text(kindKey) ?? "default"
    let kind = rules.otherKinds[named] ?? named
    let share = holder(of: "partial_rotary_factor")
    if kind != "proportional", !rules.turnsPart, try share.number("partial_rotary_factor", default: 1) != 1 {
      throw share.unsupported("partial_rotary_factor", "turning a part of each head is not supported")
    }
    guard let scaling else { return RotaryEmbedding(theta: theta) }
    try checkKeys(of: scaling, kind: kind, kindKey: kindKey, ownKeys: rules.ownKeys)

    /// transformers gives the top level's number precedence.
    func originalContextLength() throws(FileError) -> Int {
      let key = "original_max_position_embeddings"
      if let own = rules.originalContextLength, !reader.has(key) { return own }
      return try (reader.has(key) ? reader : scaling).count(key, default: contextLength)
    }
    /// The ratio of both contexts, where there is no factor.
    func ratio() throws(FileError) -> Double { Double(contextLength) / Double(try originalContextLength()) }

    switch kind {
    case "linear":
      return RotaryEmbedding(theta: theta, scaling: .linear(factor: try scaling.positive("factor")))
    case "llama3":
      let low = try scaling.positive("low_freq_factor", default: 1)
      let high = try scaling.positive("high_freq_factor", default: 4)
      guard high > low else { throw scaling.malformed("high_freq_factor", "must be larger than low_freq_factor") }
      return RotaryEmbedding(
        theta: theta,
        scaling: .llama3(
          factor: try scaling.positive("factor", default: 8), lowFrequencyFactor: low, highFrequencyFactor: high,
          originalContextLength: try originalContextLength()))
    case "dynamic":
      guard headDimension > 2 else {
        throw scaling.unsupported(kindKey, "heads of 2 elements cannot be turned by dynamic RoPE")
      }
      return RotaryEmbedding(
        theta: theta, scaling: .dynamic(factor: try scaling.positive("factor"), contextLength: contextLength))
    case "yarn":
      return try yarn(scaling, theta: theta, originalContextLength: try originalContextLength(), ratio: try ratio())
    case "longrope":
      return try longRope(
        scaling, theta: theta, headDimension: headDimension, originalContextLength: try originalContextLength(),
        ratio: try ratio())
    case "proportional":
      let turned = try share.number("partial_rotary_factor", default: 1)
      guard (0...1).contains(turned) else { throw share.malformed("partial_rotary_factor", "is not between 0 and 1") }
      return RotaryEmbedding(
        theta: theta, scaling: .proportional(factor: try scaling.positive("factor", default: 1), share: turned))
    default:
      return RotaryEmbedding(theta: theta)
    }
  }

  /// Settings of one kind of layers.
  /// - Throws: `FileError` for spellings that transformers mixes or passes over.
  private static func settings(
    of layers: String, newer: ConfigReader?, older: ConfigReader?
  ) throws(FileError) -> ConfigReader? {
    if let older {
      if newer != nil {
        throw older.unsupported(
          "rope_type", "stands beside rope_parameters; settings of RoPE have to be in one of both")
      }
      guard older.has("rope_type") || !older.has("type") else {
        throw older.unsupported("type", "is passed over by classes with several kinds of layers; call it rope_type")
      }
    }
    guard let newer else { return nil }
    if let own = try newer.object(layers) { return own }
    guard !newer.has("rope_type"), !newer.has("type") else {
      throw newer.unsupported(
        "rope_type",
        "stands outside of the kinds of layers; full_attention and sliding_attention have settings of their own")
    }
    return newer
  }

  /// - Throws: `FileError` for a kind that is not known, or a key that could change what is computed.
  private static func checkKeys(
    of scaling: ConfigReader, kind: String, kindKey: String, ownKeys: Set<String>
  ) throws(FileError) {
    guard ropeKinds[kind] != nil else {
      throw scaling.unsupported(
        kindKey,
        "RoPE of the kind \"\(kind)\" is not supported; \(ropeKinds.keys.sorted().joined(separator: ", ")) are")
    }
    // What another kind reads does nothing for this one.
    let known = ropeKinds.values.reduce(ropeKeysOfAllKinds.union(ownKeys)) { $0.union($1) }
    for key in (scaling.config.object ?? [:]).keys.sorted() where !known.contains(key) && scaling.has(key) {
      if scaling.config[key]?.object != nil {
        throw scaling.unsupported(key, "RoPE that differs between layers is not supported")
      }
      throw scaling.unsupported(
        key, "is not a setting of RoPE that is known, and it could change what the model computes")
    }
  }

  private static func yarn(
    _ scaling: ConfigReader, theta: Float, originalContextLength: Int, ratio: Double
  ) throws(FileError) -> RotaryEmbedding {
    // Where the key is there and null, transformers takes the ratio; where it is missing, it fails.
    let factor = scaling.config["factor"]?.isNull == true ? Float(ratio) : try scaling.positive("factor")
    let yarn = YarnScaling(
      factor: factor, originalContextLength: originalContextLength,
      betaFast: try beta("beta_fast", scaling, default: 32), betaSlow: try beta("beta_slow", scaling, default: 1),
      truncates: scaling.config["truncate"] == nil ? true : try scaling.flag("truncate"))
    var attentionFactor = yarn.usualAttentionFactor
    let scale = try scaling.number("mscale", default: 0)
    let scaleOfAll = try scaling.number("mscale_all_dim", default: 0)
    if scaling.has("attention_factor") {
      attentionFactor = try scaling.positive("attention_factor")
    } else if scale != 0, scaleOfAll != 0 {
      attentionFactor = Float(
        YarnScaling.magnitude(factor: Double(factor), scale: scale)
          / YarnScaling.magnitude(factor: Double(factor), scale: scaleOfAll))
    }
    guard attentionFactor.isFinite, attentionFactor > 0 else {
      throw scaling.malformed("mscale", "gives no attention factor larger than 0")
    }
    return RotaryEmbedding(theta: theta, scaling: .yarn(yarn), attentionFactor: attentionFactor)
  }

  /// transformers takes 0 and null for missing.
  private static func beta(_ key: String, _ scaling: ConfigReader, default usual: Float) throws(FileError) -> Float {
    try scaling.number(key, default: 0) == 0 ? usual : try scaling.positive(key)
  }

  private static func longRope(
    _ scaling: ConfigReader, theta: Float, headDimension: Int, originalContextLength: Int, ratio: Double
  ) throws(FileError) -> RotaryEmbedding {
    func divisors(_ key: String) throws(FileError) -> [Float] {
      let numbers = scaling.config[key]?.array ?? []
      let divisors = numbers.compactMap { $0.double.map { Float($0) } }
      guard numbers.count == headDimension / 2, divisors.count == numbers.count,
        divisors.allSatisfy({ $0.isFinite && $0 > 0 })
      else {
        throw scaling.malformed(
          key, "should be a list of \(headDimension / 2) positive numbers, one for each pair of elements of a head")
      }
      return divisors
    }
    let longRope = LongRopeScaling(
      shortDivisors: try divisors("short_factor"), longDivisors: try divisors("long_factor"),
      originalContextLength: originalContextLength)
    let factor = scaling.has("factor") ? Double(try scaling.positive("factor")) : ratio
    var attentionFactor: Float = 1
    if scaling.has("attention_factor") {
      attentionFactor = try scaling.positive("attention_factor")
    } else if factor > 1 {
      attentionFactor = Float((1 + Double.log(factor) / Double.log(Double(originalContextLength))).squareRoot())
    }
    guard attentionFactor.isFinite else {
      throw scaling.malformed("original_max_position_embeddings", "gives no finite attention factor")
    }
    return RotaryEmbedding(theta: theta, scaling: .longRope(longRope), attentionFactor: attentionFactor)
  }

  // MARK: - Writing

  /// `rope_theta` and `rope_scaling`.
  func configEntries(dimension: Int, contextLength: Int) throws(FileError) -> [String: JSONValue] {
    try checkUnderstood()
    return [
      "rope_theta": .number(theta.shortest),
      "rope_scaling": scalingEntry(dimension: dimension, contextLength: contextLength),
    ]
  }

  /// `rope_parameters` of one kind of layers.
  func parameters(dimension: Int, contextLength: Int) throws(FileError) -> JSONValue {
    try checkUnderstood()
    var entries = scalingEntry(dimension: dimension, contextLength: contextLength).object ?? ["rope_type": "default"]
    entries["rope_theta"] = .number(theta.shortest)
    return .object(entries)
  }

  private func scalingEntry(dimension headDimension: Int, contextLength: Int) -> JSONValue {
    let rope = self
    switch rope.scaling {
    case .none where rope.attentionFactor == 1:
      return .null
    case .linear(let factor) where rope.attentionFactor == 1:
      return ["rope_type": "linear", "factor": Self.number(factor)]
    case .llama3(let factor, let low, let high, let original) where rope.attentionFactor == 1:
      return [
        "rope_type": "llama3", "factor": Self.number(factor), "low_freq_factor": Self.number(low),
        "high_freq_factor": Self.number(high), "original_max_position_embeddings": .integer(original),
      ]
    case .dynamic(let factor, _):
      return ["rope_type": "dynamic", "factor": Self.number(factor)]
    case .proportional(let factor, let share) where rope.attentionFactor == 1:
      return ["rope_type": "proportional", "factor": Self.number(factor), "partial_rotary_factor": .number(share)]
    case .yarn(let yarn):
      var entries: [String: JSONValue] = [
        "rope_type": "yarn", "factor": Self.number(yarn.factor),
        "original_max_position_embeddings": .integer(yarn.originalContextLength),
      ]
      if yarn.betaFast != 32 { entries["beta_fast"] = Self.number(yarn.betaFast) }
      if yarn.betaSlow != 1 { entries["beta_slow"] = Self.number(yarn.betaSlow) }
      if !yarn.truncates { entries["truncate"] = false }
      if rope.attentionFactor != yarn.usualAttentionFactor {
        entries["attention_factor"] = Self.number(rope.attentionFactor)
      }
      return .object(entries)
    case .longRope(let longRope):
      return entries(of: longRope, rope)
    default:
      // Divisors without the settings that they came from: this kind lists them.
      let divisors = rope.frequencyDivisors(dimension: headDimension, length: 1)
      let longRope = LongRopeScaling(
        shortDivisors: divisors, longDivisors: divisors, originalContextLength: contextLength)
      return entries(of: longRope, rope)
    }
  }

  private func entries(of longRope: LongRopeScaling, _ rope: RotaryEmbedding) -> JSONValue {
    [
      "rope_type": "longrope", "short_factor": .array(longRope.shortDivisors.map(Self.number)),
      "long_factor": .array(longRope.longDivisors.map(Self.number)),
      "original_max_position_embeddings": .integer(longRope.originalContextLength),
      "attention_factor": Self.number(rope.attentionFactor),
    ]
  }

  private static func number(_ value: Float) -> JSONValue { .number(value.shortest) }
}
