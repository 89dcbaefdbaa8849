public import Bytes

/// Llama and Mistral: RMS norms, grouped-query attention with RoPE, gated feed-forward layers.
///
/// Names and the row order follow llama.cpp's converter for the `llama` architecture: the rows of the q and k
/// projections (and their biases) are interleaved head by head, everything else is only renamed.
public struct LlamaFamily: ModelFamily {
  public init() {}

  public var classNames: [String] { Self.classes.map(\.name) }
  public var modelTypes: [String] { Self.classes.map(\.modelType) }
  public var ggufArchitecture: String { "llama" }
  public var tiedTensors: (embedding: String, head: String) { ("model.embed_tokens.weight", "lm_head.weight") }

  /// Classes that `architectures` may name, the usual one of each type first, and whether they have an output head.
  static let classes: [(name: String, modelType: String, hasHead: Bool)] = [
    (LlamaConfiguration.llama, "llama", true), ("LlamaModel", "llama", false), ("LLaMAForCausalLM", "llama", true),
    (LlamaConfiguration.mistral, "mistral", true), ("MistralModel", "mistral", false),
  ]

  /// Tensors outside the blocks: Hugging Face name, GGUF name.
  static let globalNames: [(huggingFace: String, gguf: String)] = [
    ("model.embed_tokens.weight", "token_embd.weight"),
    ("model.norm.weight", "output_norm.weight"),
    ("lm_head.weight", "output.weight"),
  ]

  public var configurationTensorNames: [String] { GGUFRoPE.tensorNames }

  public func configurationTensors(
    for configuration: LlamaConfiguration, path: String
  ) throws(FileError) -> [NamedDerivation] {
    try GGUFRoPE(of: configuration, path: path).tensors.map {
      NamedDerivation(name: $0.name, derivation: .constant(values: $0.values))
    }
  }

  enum Rows { case kept, queryHeads, keyHeads }

  /// Which setting gives a module a bias.
  enum Biases { case none, attention, feedForward }

  /// A module of a block: Hugging Face name, GGUF name, whether its rows are reordered, and its biases.
  typealias Module = (huggingFace: String, gguf: String, rows: Rows, biases: Biases)

  static let blockModules: [Module] = [
    ("input_layernorm", "attn_norm", .kept, .none),
    ("self_attn.q_proj", "attn_q", .queryHeads, .attention),
    ("self_attn.k_proj", "attn_k", .keyHeads, .attention),
    ("self_attn.v_proj", "attn_v", .kept, .attention),
    ("self_attn.o_proj", "attn_output", .kept, .attention),
    ("post_attention_layernorm", "ffn_norm", .kept, .none),
    ("mlp.gate_proj", "ffn_gate", .kept, .feedForward),
    ("mlp.up_proj", "ffn_up", .kept, .feedForward),
    ("mlp.down_proj", "ffn_down", .kept, .feedForward),
  ]

  /// The largest models have some hundred.
  static let mostHeads = 1 << 16

  /// What torch.compile, data parallel training and checkpoints of activations leave in names.
  private static let wrappers: Set<Substring> = [
    "_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
  ]

  public func usualName(of stored: String) -> String? {
    if isKnown(stored) { return stored }
    let parts = stored.split(separator: ".", omittingEmptySubsequences: false).filter { !Self.wrappers.contains($0) }
    let bare = parts.drop { $0 == "model" || $0 == "language_model" }.joined(separator: ".")
    return [bare, "model." + bare].first(where: isKnown)
  }

  /// Whether a name is that of a tensor of the Hugging Face form, of whatever layer.
  private func isKnown(_ name: String) -> Bool {
    if Self.globalNames.contains(where: { $0.huggingFace == name }) || Self.leftOutNames.contains(name) { return true }
    guard let (_, rest) = Self.layerAndRest(of: name) else { return false }
    return Self.isDropped("." + rest) || Self.module(rest) != nil
  }

  public func leavesOut(_ name: String, _ configuration: LlamaConfiguration) -> Bool {
    if Self.leftOutNames.contains(name) { return true }
    guard let (_, rest) = Self.layerAndRest(of: name), let found = Self.module(rest), found.kind == "bias" else {
      return false
    }
    switch found.module.biases {
    case .attention: return !configuration.hasAttentionBias
    case .feedForward: return !configuration.hasFeedForwardBias
    case .none: return true
    }
  }

  /// Biases of modules outside the layers, which have none.
  private static let leftOutNames: Set<String> = ["model.norm.bias", "lm_head.bias"]

  /// `0` and `self_attn.q_proj.weight` of `model.layers.0.self_attn.q_proj.weight`. No pattern is matched: a model may
  /// have hundreds of thousands of names.
  private static func layerAndRest(of name: String) -> (layer: Substring, rest: Substring)? {
    let prefix = "model.layers."
    guard name.hasPrefix(prefix) else { return nil }
    let tail = name.dropFirst(prefix.count)
    guard let dot = tail.firstIndex(of: ".") else { return nil }
    let layer = tail[..<dot]
    guard let number = Int(layer), number >= 0, String(number) == layer else { return nil }
    return (layer, tail[tail.index(after: dot)...])
  }

  private static func module(_ rest: Substring) -> (module: Module, kind: String)? {
    guard let dot = rest.lastIndex(of: ".") else { return nil }
    let kind = String(rest[rest.index(after: dot)...])
    guard kinds.contains(kind), let module = blockModules.first(where: { $0.huggingFace == rest[..<dot] }) else {
      return nil
    }
    return (module, kind)
  }

  /// Buffers that old checkpoints carry and nobody needs.
  static func isDropped(_ name: String) -> Bool { name.hasSuffix(".rotary_emb.inv_freq") }

  public func huggingFaceTensors(
    fromGGUF names: [String], _ configuration: LlamaConfiguration, path: String
  ) throws(FileError) -> [NamedDerivation] {
    var result: [NamedDerivation] = []
    for name in names where !configurationTensorNames.contains(name) {
      if let pair = Self.globalNames.first(where: { $0.gguf == name }) {
        if pair.huggingFace == "lm_head.weight", configuration.tiesEmbeddings { continue }
        result.append(NamedDerivation(name: pair.huggingFace, derivation: .source(TensorReference(name))))
        continue
      }
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count == 4, parts[0] == "blk", let layer = Self.layer(parts[1], configuration),
        let module = Self.blockModules.first(where: { $0.gguf == parts[2] }), Self.kinds.contains(String(parts[3]))
      else {
        throw unknown(name, path: path)
      }
      result.append(
        NamedDerivation(
          name: "model.layers.\(layer).\(module.huggingFace).\(parts[3])",
          derivation: reordered(
            .source(TensorReference(name)), module.rows, .deinterleaving, configuration)))
    }
    return result
  }

  public func ggufTensors(
    fromHuggingFace names: [String], _ configuration: LlamaConfiguration, path: String
  ) throws(FileError) -> [NamedDerivation] {
    var result: [NamedDerivation] = []
    for name in names where !Self.isDropped(name) {
      // What is tied needs no second copy.
      if name == "lm_head.weight", configuration.tiesEmbeddings { continue }
      if let pair = Self.globalNames.first(where: { $0.huggingFace == name }) {
        result.append(NamedDerivation(name: pair.gguf, derivation: .source(TensorReference(name))))
        continue
      }
      // model.layers.<layer>.<module>.<kind>, where the module has periods of its own.
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count > 4, parts[0] == "model", parts[1] == "layers", let layer = Self.layer(parts[2], configuration),
        let kind = parts.last.map(String.init),
        Self.kinds.contains(kind),
        let module = Self.blockModules.first(where: {
          $0.huggingFace == parts[3..<parts.count - 1].joined(separator: ".")
        })
      else {
        throw unknown(name, path: path)
      }
      result.append(
        NamedDerivation(
          name: "blk.\(layer).\(module.gguf).\(kind)",
          derivation: reordered(
            .source(TensorReference(name)), module.rows, .interleaving, configuration)))
    }
    return result
  }

  /// The number of a layer, spelled as it is written: no sign, no leading zeros.
  private static func layer(_ digits: Substring, _ configuration: LlamaConfiguration) -> Int? {
    guard let layer = Int(digits), String(layer) == digits, (0..<configuration.layerCount).contains(layer) else {
      return nil
    }
    return layer
  }

  private static let kinds = ["weight", "bias"]

  private func reordered(
    _ derivation: Derivation, _ rows: Rows, _ direction: RowOrder.Direction, _ configuration: LlamaConfiguration
  ) -> Derivation {
    rows == .kept
      ? derivation : derivation.reordered(RowOrder(direction, headDimension: configuration.headDimension))
  }

  private func unknown(_ name: String, path: String) -> FileError {
    FileError(
      .unsupported, path: path, subject: name,
      "is not a tensor of the Llama family; the model may be a variant that is not supported")
  }

  public func expectedTensors(_ configuration: LlamaConfiguration) -> [ExpectedTensor] {
    let hidden = configuration.hiddenSize
    let queries = configuration.headCount * configuration.headDimension
    let keys = configuration.keyValueHeadCount * configuration.headDimension
    let inner = configuration.intermediateSize
    var tensors = [
      ExpectedTensor("model.embed_tokens.weight", [configuration.vocabularySize, hidden]),
      ExpectedTensor("model.norm.weight", [hidden]),
      ExpectedTensor(
        "lm_head.weight", [configuration.vocabularySize, hidden],
        isOptional: configuration.tiesEmbeddings || !configuration.hasHead),
    ]
    for layer in 0..<configuration.layerCount {
      let prefix = "model.layers.\(layer)."
      for (module, rows, columns) in [
        ("self_attn.q_proj", queries, hidden), ("self_attn.k_proj", keys, hidden), ("self_attn.v_proj", keys, hidden),
        ("self_attn.o_proj", hidden, queries), ("mlp.gate_proj", inner, hidden), ("mlp.up_proj", inner, hidden),
        ("mlp.down_proj", hidden, inner),
      ] {
        tensors.append(ExpectedTensor(prefix + module + ".weight", [rows, columns]))
        tensors.append(ExpectedTensor(prefix + module + ".bias", [rows], isOptional: true))
      }
      tensors.append(ExpectedTensor(prefix + "input_layernorm.weight", [hidden]))
      tensors.append(ExpectedTensor(prefix + "post_attention_layernorm.weight", [hidden]))
    }
    return tensors
  }
}
