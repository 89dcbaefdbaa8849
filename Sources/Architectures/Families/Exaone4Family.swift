internal import Bytes
internal import JSON

/// EXAONE 4: norms of the heads of queries and keys, norms of what both halves of a layer give. The large one has windows
/// in three of four layers, and turns heads in these alone.
struct Exaone4Family: DecoderFamily {
  let classes = [ModelClass("Exaone4ForCausalLM", "exaone4")]
  var ggufArchitecture: String? { "exaone4" }

  /// llama.cpp has windows in models of so many layers and in no others, whatever a GGUF says.
  private static let layersWithWindows = 64

  let hyperparameters =
    Hyperparameter.usual(context: 2048, epsilon: 1e-5).silent(.rotaryDimension) + [
      .window(default: .value(.count(4096))), .layerKindList, .windowPatternList,
    ]

  let names =
    NameRow.usualGlobals + NameRow.usualPostNorms + NameRow.usualAttention()
    + NameRow.headNorms("self_attn.q_norm", "self_attn.k_norm")
    + NameRow.usualFeedForward

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
    try values.checkLayerKinds(source)
    if source.metadata != nil, values.size(.layerCount) != Self.layersWithWindows { values[.slidingWindow] = nil }
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    var attention = values.attention(values.rotation(source))
    attention.headNorms = Attention.HeadNorms(values.rmsNorm(), .sharedByHeads)
    let activation = try values.activation(source)
    let window = values.count(.slidingWindow)
    var pattern = values.flags(.windowPattern) ?? []
    if window != nil, pattern.isEmpty { pattern = try Self.pattern(source) }
    let isSliding = values.slidingLayers { window != nil && !pattern.isEmpty && pattern[$0 % pattern.count] }
    values[.windowPattern] = window.map { _ in .flags(isSliding) }
    values[.layerKinds] = .texts(isSliding.map { $0 ? "sliding_attention" : "full_attention" })
    return Decoder(
      layers: isSliding.map { isSliding in
        var own = attention
        if window != nil {
          if isSliding { own.window = window } else { own.rotation = nil }
        }
        return DecoderLayer(
          attention: own, feedForward: values.feedForward(activation), attentionNorm: nil, feedForwardNorm: nil,
          attentionPostNorm: values.rmsNorm(), feedForwardPostNorm: values.rmsNorm())
      }, finalNorm: values.rmsNorm(), values)
  }

  /// The layers with windows, again and again, where they are not listed: of "LLLG", or of a number of layers, the last of
  /// which has none.
  private static func pattern(_ source: DecoderSource) throws(FileError) -> [Bool] {
    let key = "sliding_window_pattern"
    guard let config = source.config, config.has(key) else { return [true, true, true, false] }
    if let letters = config.string(key), !letters.isEmpty, letters.allSatisfy({ "LG".contains($0) }) {
      return letters.map { $0 == "L" }
    }
    return Array(repeating: true, count: try config.count(key, limit: Hyperparameter.mostLayers) - 1) + [false]
  }
}
