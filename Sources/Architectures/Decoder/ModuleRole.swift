/// What a tensor does in a decoder.
public enum ModuleRole: Hashable, Sendable, CaseIterable {
  case tokenEmbedding, positionEmbedding, embeddingNorm, embeddingProjection, finalNorm, headProjection, head
  case attentionNorm, attentionPostNorm, feedForwardNorm, feedForwardPostNorm
  case query, key, value, attentionOutput, queryNorm, keyNorm, sinks
  case gate, up, down
  case router, expertGate, expertUp, expertDown
  case sharedGate, sharedUp, sharedDown, sharedRouter

  /// Whether it is a linear layer that tolerates quantization.
  var isLinear: Bool {
    switch self {
    case .query, .key, .value, .attentionOutput, .gate, .up, .down, .expertGate, .expertUp, .expertDown, .sharedGate,
      .sharedUp, .sharedDown, .embeddingProjection, .headProjection:
      true
    default: false
    }
  }

  /// Whether there is one for each expert.
  var isOfExperts: Bool { [.expertGate, .expertUp, .expertDown].contains(self) }

  /// Whether there is one in each layer.
  public var isInLayer: Bool {
    switch self {
    case .tokenEmbedding, .positionEmbedding, .embeddingNorm, .embeddingProjection, .finalNorm, .headProjection, .head:
      false
    default: true
    }
  }
}

/// A module of a decoder, and which of its tensors: what a name stands for.
public struct ModuleTensor: Hashable, Sendable {
  public enum Kind: Hashable, Sendable { case weight, bias }

  public var role: ModuleRole
  public var kind: Kind

  public init(_ role: ModuleRole, _ kind: Kind = .weight) {
    self.role = role
    self.kind = kind
  }
}

extension Decoder {
  /// The shape of a tensor, of a layer of that kind, and whether it must be there; nil where the model has no place for
  /// it. Tensors of experts are stacks of all of them.
  func tensor(_ tensor: ModuleTensor, kind layerKind: Int? = nil) -> (shape: [Int], isOptional: Bool)? {
    let layer = layerKind.map { layerKinds[$0] }
    let (hidden, vocabulary) = (hiddenSize, vocabularySize)
    let embedded = embeddingSize ?? hidden
    func norm(_ norm: Norm?, _ shape: [Int]) -> (shape: [Int], isOptional: Bool)? {
      guard let norm, tensor.kind == .weight ? norm.hasWeight : norm.hasBias else { return nil }
      return (shape, false)
    }
    func linear(_ shape: [Int], bias: Bool) -> (shape: [Int], isOptional: Bool)? {
      switch tensor.kind {
      case .weight: (shape, false)
      // A bias that is asked for and not stored is zero, which is none.
      case .bias: bias ? (shape.dropLast(), true) : nil
      }
    }
    switch tensor.role {
    case .tokenEmbedding: return tensor.kind == .weight ? ([vocabulary, embedded], false) : nil
    case .embeddingProjection:
      return embeddingSize != nil && tensor.kind == .weight ? ([hidden, embedded], false) : nil
    case .headProjection: return embeddingSize != nil && tensor.kind == .weight ? ([embedded, hidden], false) : nil
    case .positionEmbedding: return tensor.kind == .weight ? positions.map { ([$0.rows, hidden], false) } : nil
    case .embeddingNorm: return norm(embeddingNorm, [hidden])
    case .finalNorm: return norm(finalNorm, [hidden])
    case .head:
      guard tensor.kind == .weight else { return hasHeadBias ? ([vocabulary], true) : nil }
      return ([vocabulary, embedded], tiesHead || !hasHead)
    default: break
    }
    guard let layer else { return nil }
    let (attention, feedForward) = (layer.attention, layer.feedForward)
    switch tensor.role {
    case .attentionNorm: return norm(layer.attentionNorm, [hidden])
    case .attentionPostNorm: return norm(layer.attentionPostNorm, [hidden])
    case .feedForwardNorm: return norm(layer.feedForwardNorm, [hidden])
    case .feedForwardPostNorm: return norm(layer.feedForwardPostNorm, [hidden])
    case .query: return linear([attention.queryWidth, hidden], bias: attention.biases.query)
    case .key: return linear([attention.keyWidth, hidden], bias: attention.biases.key)
    case .value: return linear([attention.keyWidth, hidden], bias: attention.biases.value)
    case .attentionOutput: return linear([hidden, attention.queryWidth], bias: attention.biases.output)
    case .queryNorm, .keyNorm:
      guard let norms = attention.headNorms else { return nil }
      let heads = tensor.role == .queryNorm ? attention.headCount : attention.keyHeadCount
      switch norms.extent {
      case .sharedByHeads: return norm(norms.norm, [attention.headDimension])
      case .eachHead: return norm(norms.norm, [heads, attention.headDimension])
      case .width: return norm(norms.norm, [heads * attention.headDimension])
      }
    case .sinks: return attention.hasSinks && tensor.kind == .weight ? ([attention.headCount], false) : nil
    case .gate, .up, .down:
      guard feedForward.experts == nil, tensor.role != .gate || feedForward.isGated else { return nil }
      let (input, output) = (hidden, feedForward.size)
      return tensor.role == .down
        ? linear([input, output], bias: feedForward.hasOutputBias)
        : linear([output, input], bias: feedForward.hasInputBias)
    case .router:
      return feedForward.experts.flatMap { linear([$0.count, hidden], bias: $0.hasRouterBias) }
    case .expertGate, .expertUp, .expertDown:
      guard let experts = feedForward.experts, tensor.role != .expertGate || feedForward.isGated else { return nil }
      return tensor.role == .expertDown
        ? linear([experts.count, hidden, feedForward.size], bias: feedForward.hasOutputBias)
        : linear([experts.count, feedForward.size, hidden], bias: feedForward.hasInputBias)
    case .sharedGate, .sharedUp, .sharedDown:
      guard let size = feedForward.experts?.sharedSize else { return nil }
      return tensor.role == .sharedDown ? linear([hidden, size], bias: false) : linear([size, hidden], bias: false)
    case .sharedRouter:
      return feedForward.experts?.isSharedGated == true ? linear([1, hidden], bias: false) : nil
    case .tokenEmbedding, .positionEmbedding, .embeddingNorm, .embeddingProjection, .finalNorm, .headProjection, .head:
      return nil
    }
  }
}
