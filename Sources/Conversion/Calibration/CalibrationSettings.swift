public import JSON
internal import Quantization

/// How a calibration was made.
public struct CalibrationSettings: Hashable, Sendable {
  /// A kind of text that was read.
  public struct Text: Hashable, Sendable {
    /// The file, or what else it comes from.
    public var name: String
    public var tokens: Int
    /// Tokens of it that are in no moments.
    public var heldBackTokens: Int

    public init(name: String, tokens: Int, heldBackTokens: Int) {
      self.name = name
      self.tokens = tokens
      self.heldBackTokens = heldBackTokens
    }

    /// As the file, and reports, spell it.
    public var json: JSONValue {
      ["name": .string(name), "tokens": .integer(tokens), "held_back_tokens": .integer(heldBackTokens)]
    }

    /// Nil where a member is missing or no such value.
    init?(_ json: JSONValue) {
      let counts = 0...LayerSums.mostTokens
      guard let name = json["name"]?.string, let tokens = json["tokens"]?.int, counts ~= tokens,
        let heldBack = json["held_back_tokens"]?.int, counts ~= heldBack
      else { return nil }
      self.init(name: name, tokens: tokens, heldBackTokens: heldBack)
    }
  }

  /// What the model calls itself, or its path.
  public var model: String
  /// Tokens of a window.
  public var context: Int
  /// Whether moments of gradients are there.
  public var isFisher: Bool
  /// Of labels that were drawn.
  public var seed: Int
  public var texts: [Text]
  /// Of Decant.
  public var version: String
  /// Whether sums are kept whole, so that they can be added to those of other texts.
  public var isMergeable: Bool
  /// What it was merged from, by digest; none where it was not.
  public var parts: [Part] = []

  /// A calibration that was merged.
  public struct Part: Hashable, Sendable {
    /// As `Calibration.digest` has it.
    public var digest: String
    public var seed: Int
    public var version: String

    /// As the file, and reports, spell it.
    public var json: JSONValue {
      ["xxh3_128": .string(digest), "seed": .integer(seed), "version": .string(version)]
    }
  }

  public init(
    model: String, context: Int, isFisher: Bool, seed: Int, texts: [Text], version: String = Version.current,
    isMergeable: Bool = false
  ) {
    self.isMergeable = isMergeable
    self.model = model
    self.context = context
    self.isFisher = isFisher
    self.seed = seed
    self.texts = texts
    self.version = version
  }

  /// So many that counts of them can be added.
  static let mostTexts = 1 << 16
  /// Tokens of a window, at most.
  public static let longestContext = 1 << 20

  var json: JSONValue {
    var members: [String: JSONValue] = [
      "model": .string(model), "context": .integer(context), "fisher": .bool(isFisher), "seed": .integer(seed),
      "version": .string(version),
      "texts": .array(texts.map(\.json)),
    ]
    if isMergeable { members["mergeable"] = true }
    if !parts.isEmpty { members["parts"] = .array(parts.map(\.json)) }
    return .object(members)
  }

  /// Nil where a member is missing or no such value.
  init?(_ json: JSONValue) {
    guard let model = json["model"]?.string, let context = json["context"]?.int, let isFisher = json["fisher"]?.bool,
      1...Self.longestContext ~= context, let seed = json["seed"]?.int, let version = json["version"]?.string,
      let list = json["texts"]?.array
    else { return nil }
    guard list.count <= Self.mostTexts else { return nil }
    var texts: [Text] = []
    for text in list {
      guard let text = Text(text) else { return nil }
      texts.append(text)
    }
    self.init(
      model: model, context: context, isFisher: isFisher, seed: seed, texts: texts, version: version,
      isMergeable: json["mergeable"]?.bool ?? false)
    for part in json["parts"]?.array ?? [] {
      guard let digest = part["xxh3_128"]?.string, let seed = part["seed"]?.int, let version = part["version"]?.string
      else { return nil }
      parts.append(Part(digest: digest, seed: seed, version: version))
    }
  }
}
