public import Architectures
public import Bytes

/// What a model takes beside its weights, when it runs and when it is trained: from its operations alone.
///
/// In Double, as a size that a configuration claims may be too large for Int.
public struct MemoryNeeds: Sendable {
  /// Keys and values of one layer's attention.
  private struct Cache: Hashable {
    /// Numbers of a token.
    let width: Int
    /// Tokens that are kept; nil for all.
    let window: Int?
  }

  /// Kinds of caches, and how many layers have them.
  private let caches: [Cache: Int]
  /// Numbers of a token that lie between the operations of a layer, where memory is used again from layer to layer.
  private let layerWidth: Double
  private let hiddenSize: Double
  private let vocabularySize: Double
  private let layerCount: Double
  /// Lengths of both sides of every linear layer but the head, added up.
  private let linearSides: Double
  /// Tokens of the longest context that the model was trained for.
  public let contextLength: Int

  /// - Throws: `FileError` for a model that is not computed here.
  public init(of model: any Model, path: String) throws(FileError) {
    let pass = try model.forwardPass(path: path)
    var caches: [Cache: Int] = [:]
    var widths: [ForwardPass.Register: Int] = [:]
    var experts = 0.0
    var sides = 0.0
    // A stack of experts has a third length in front.
    func count(_ linear: ForwardPass.Linear?) {
      guard let shape = linear?.weight.shape, shape.count >= 2 else { return }
      let copies = shape.dropLast(2).reduce(1.0) { $0 * Double($1) }
      sides += copies * (Double(shape[shape.count - 2]) + Double(shape[shape.count - 1]))
    }
    func put(_ width: Int, _ register: ForwardPass.Register) { widths[register] = max(widths[register] ?? 0, width) }
    for operation in pass.operations {
      switch operation {
      case .attend(let attention, _, _, _):
        caches[Cache(width: 2 * attention.keyWidth, window: attention.window), default: 0] += 1
        put(attention.queryWidth, .mixed)
      case .project(let layers, _, _):
        for (layer, register) in layers {
          put(layer.weight.shape.first ?? 0, register)
          count(layer)
        }
      case .gate(let gate, let up, _, _, let register):
        put(up.weight.shape.first ?? 0, register)
        count(gate)
        count(up)
      case .mix(let mixture, _, _):
        for linear in [mixture.gate, mixture.up, mixture.down] { count(linear) }
        experts = max(experts, Double(mixture.experts.usedCount) * Double(mixture.size))
      case .scaleByGate(let gate, _, _): count(gate)
      case .embed, .addPositions, .normalize, .activate, .clamp, .add: break
      }
    }
    self.caches = caches
    hiddenSize = Double(pass.hiddenSize)
    // The stream and what norms give of it.
    layerWidth = widths.values.reduce(2 * hiddenSize) { $0 + Double($1) } + experts
    vocabularySize = Double(pass.vocabularySize)
    layerCount = Double(pass.layers.count)
    linearSides = sides
    contextLength = model.contextLength
  }

  // MARK: - Running

  /// Keys and values of so many tokens.
  /// - Parameters:
  ///   - sequences: that are run side by side.
  ///   - bytes: of a number; 2 for F16.
  public func cache(context: Int, sequences: Int = 1, bytes: Double = 2) -> Double {
    let numbers = caches.reduce(0.0) { sum, entry in
      sum + Double(entry.value) * Double(entry.key.width) * Double(min(context, entry.key.window ?? context))
    }
    return numbers * Double(sequences) * bytes
  }

  /// What lies between operations while so many tokens are computed together, as F32, and the logits of each sequence's
  /// last token. Attention is computed in pieces (FlashAttention), so that no table of scores is kept.
  public func activations(tokens: Int, sequences: Int = 1) -> Double {
    4 * (Double(tokens) * layerWidth + Double(sequences) * vocabularySize)
  }

  /// The longest context that fits with a cache of F16, up to what the model was trained for; nil where not even one token does.
  /// - Parameters:
  ///   - memory: bytes there are.
  ///   - weights: bytes of the weights.
  ///   - tokens: computed together.
  public func longestContext(memory: Int, weights: Int, tokens: Int, sequences: Int = 1) -> Int? {
    func fits(_ context: Int) -> Bool {
      Double(weights) + cache(context: context, sequences: sequences)
        + activations(tokens: min(tokens, context * sequences), sequences: sequences) <= Double(memory)
    }
    var (low, high) = (0, contextLength)
    while low < high {
      let middle = high - (high - low) / 2
      if fits(middle) { low = middle } else { high = middle - 1 }
    }
    return low > 0 ? low : nil
  }

  // MARK: - Training

  /// A way to train a model.
  public enum Training: String, CaseIterable, Sendable {
    /// All weights, with AdamW in mixed precision.
    case full
    /// Factors of low rank beside every linear layer of the model in BF16.
    case lora
    /// The same beside the model in NF4 with double quantization.
    case qlora

    /// As people write it.
    public var name: String {
      switch self {
      case .full: "full"
      case .lora: "LoRA"
      case .qlora: "QLoRA"
      }
    }
  }

  /// Numbers of the factors of low rank beside every linear layer but the head.
  public func adapterParameterCount(rank: Int) -> Double { Double(rank) * linearSides }

  /// What training takes beside the weights that stay as they are: for every number that is trained 16 bytes (BF16 and its
  /// gradient, and in F32 a copy and the two moments of AdamW), and the activations of a step, where each layer keeps its
  /// input and is computed again on the way back.
  /// - Parameters:
  ///   - trained: numbers that are trained.
  ///   - context: tokens of a sequence.
  ///   - batch: sequences of a step.
  public func training(trained: Double, context: Int, batch: Int) -> Double {
    let tokens = Double(context) * Double(batch)
    let kept = tokens * hiddenSize * layerCount * 2
    // Of one layer at a time what lies between its operations, and gradients of as much.
    let layer = 2 * tokens * layerWidth * 2
    // Logits and their gradient.
    let logits = 2 * tokens * vocabularySize * 4
    return trained * 16 + kept + layer + logits
  }
}
