internal import Bytes

/// Qwen2 and 2.5: Llama with biases of queries, keys and values.
struct Qwen2Family: DecoderFamily {
  let classes = [
    ModelClass("Qwen2ForCausalLM", "qwen2"), ModelClass("Qwen2Model", "qwen2", hasHead: false),
  ]
  var ggufArchitecture: String? { "qwen2" }
  var hasRopeTensors: Bool { false }

  let hyperparameters = Hyperparameter.usual(context: 32768, keyHeads: .heads).plain + Self.windows

  /// Settings of windows, of which a GGUF says nothing.
  static let windows: [Hyperparameter] = [
    .flag(.usesWindow, "use_sliding_window"),
    Hyperparameter(
      .slidingWindow, .count(least: 0, most: 1 << 31), config: ["sliding_window"], configDefault: .value(.count(4096)),
      ggufDefault: .none, nullIsNone: true),
    Hyperparameter(
      .windowStart, .count(least: 0, most: 1 << 31), config: ["max_window_layers"], configDefault: .value(.count(28)),
      ggufDefault: .none),
    .layerKindList,
  ]

  let names =
    NameRow.usualGlobals + NameRow.usualNorms + NameRow.usualAttention() + NameRow.usualFeedForward

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
    try values.checkLayerKinds(source)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let attention = values.attention(values.rotation(source), biases: .init(inputs: true, output: false))
    let activation = try values.activation(source)
    return Decoder(
      layers: values.windows(on: attention).map { attention in
        DecoderLayer(
          attention: attention, feedForward: values.feedForward(activation), attentionNorm: values.rmsNorm(),
          feedForwardNorm: values.rmsNorm())
      }, finalNorm: values.rmsNorm(), values)
  }
}

extension Hyperparameters {
  /// The attention of each layer, with the windows that Qwen's settings say: from a layer on, or as they are listed.
  func windows(
    on attention: Attention, unlessListed isSliding: (_ layer: Int, _ start: Int) -> Bool = { $0 >= $1 }
  ) -> [Attention] {
    let window = flag(.usesWindow) ? count(.slidingWindow) : nil
    let start = count(.windowStart) ?? 0
    return slidingLayers { isSliding($0, start) }.map { isSliding in
      var own = attention
      own.window = isSliding ? window : nil
      return own
    }
  }
}

extension Hyperparameter.Key {
  static let usesWindow: Self = "uses windows"
  static let windowStart: Self = "first layer with a window"
}
