public import Bytes

/// Llama and Mistral: RMS norms, grouped-query attention with RoPE, gated feed-forward layers.
///
/// Names and the row order follow llama.cpp's converter for the `llama` architecture: the rows of the q and k
/// projections (and their biases) are interleaved head by head, everything else is only renamed.
public struct LlamaFamily: ModelFamily {
  public init() {}

  public var classNames: [String] { ["LlamaForCausalLM", "MistralForCausalLM"] }
  public var ggufArchitecture: String { "llama" }

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

  /// Modules of a block: Hugging Face name, GGUF name, and whether the rows are reordered.
  static let blockModules: [(huggingFace: String, gguf: String, rows: Rows)] = [
    ("input_layernorm", "attn_norm", .kept),
    ("self_attn.q_proj", "attn_q", .queryHeads),
    ("self_attn.k_proj", "attn_k", .keyHeads),
    ("self_attn.v_proj", "attn_v", .kept),
    ("self_attn.o_proj", "attn_output", .kept),
    ("post_attention_layernorm", "ffn_norm", .kept),
    ("mlp.gate_proj", "ffn_gate", .kept),
    ("mlp.up_proj", "ffn_up", .kept),
    ("mlp.down_proj", "ffn_down", .kept),
  ]

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
      // transformers ignores a head that is stored beside a tied embedding; llama.cpp would run it.
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
      "is no tensor of the Llama family; the model may be a variant that is not supported")
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
        "lm_head.weight", [configuration.vocabularySize, hidden], isOptional: configuration.tiesEmbeddings),
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
