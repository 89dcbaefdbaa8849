public import Bytes
internal import Quantization
internal import Tensors

/// Which type each output tensor gets.
public struct Recipe: Sendable {
  /// The rule for tensors that no override names.
  public enum Rule: Sendable {
    /// Every tensor stays what it is.
    case keep
    /// Every matrix is stored with this type, and in safetensors every vector too.
    case elements(TargetType)
    /// Every two-dimensional weight gets this GGML type: llama-quantize's `--pure`.
    case everyMatrix(TargetType)
    /// Every linear layer but the head gets this type, as bitsandbytes does; the rest stays.
    case linearLayers(TargetType)
  }

  public struct Override: Sendable {
    /// A regular expression that is searched for in the output's tensor names.
    public let pattern: String
    public let type: TargetType

    public init(pattern: String, type: TargetType) throws(FileError) {
      guard (try? Regex(pattern)) != nil else {
        throw FileError(.malformed, path: "--tensor-type", subject: pattern, "is no regular expression")
      }
      self.pattern = pattern
      self.type = type
    }

    func matches(_ name: String) -> Bool {
      guard let expression = try? Regex(pattern) else { return false }
      return name.contains(expression)
    }
  }

  public let rule: Rule
  /// The first that matches a name decides.
  public let overrides: [Override]
  /// Whether a row length that no block fits is refused instead of stored as F16.
  public let refusesFallback: Bool
  /// Tensors, by output name, that stay as they are whatever the rules say.
  public let kept: Set<String>

  public init(_ rule: Rule, overrides: [Override] = [], refusesFallback: Bool = false, kept: Set<String> = []) {
    self.rule = rule
    self.overrides = overrides
    self.refusesFallback = refusesFallback
    self.kept = kept
  }

  /// This recipe with some tensors left as they are.
  public func keeping(_ names: Set<String>) -> Recipe {
    Recipe(rule, overrides: overrides, refusesFallback: refusesFallback, kept: kept.union(names))
  }

  /// The type for one output tensor, before it is known whether its rows fit.
  func choice(name: String, shape: [Int]) -> TypeChoice {
    if kept.contains(name) { return .kept }
    let isMatrix = shape.count == 2 && name.hasSuffix("weight")
    if shape.count >= 2, let override = overrides.first(where: { $0.matches(name) }) { return .type(override.type) }
    switch rule {
    case .keep:
      return .kept
    case .elements(let type):
      return .type(type)
    case .everyMatrix(let type):
      return isMatrix ? .type(type) : .kept
    case .linearLayers(let type):
      return isMatrix && !Self.isEmbeddingOrHead(name) ? .type(type) : .kept
    }
  }

  /// Embeddings and heads, in either naming.
  static func isEmbeddingOrHead(_ name: String) -> Bool {
    ["model.embed_tokens.weight", "lm_head.weight", "token_embd.weight", "output.weight"].contains(name)
  }

  /// The type itself where it fits rows of `columns` elements, else F16 and the reason.
  func fitting(_ type: TargetType, name: String, columns: Int, path: String) throws(FileError)
    -> (type: TargetType, substitution: String?)
  {
    let block = type.codec.elementsPerBlock
    guard !type.codec.blocksCrossRows, columns % block != 0 else { return (type, nil) }
    let reason = "rows of \(columns) are no whole number of \(type.name) blocks of \(block)"
    guard !refusesFallback else {
      throw FileError(
        .mismatch, path: path, subject: name,
        reason + "; without --no-fallback it is stored as f16, or choose its type with --tensor-type")
    }
    return (TargetType(codec: Float16Codec()), reason)
  }
}
