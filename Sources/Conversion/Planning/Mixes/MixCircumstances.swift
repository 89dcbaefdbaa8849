internal import Tensors

/// What a mix of types asks of the model whose tensors it is for, names and shapes aside.
///
/// Source: llama.cpp `load_hparams`, and for `sharesFewValues` that of the single architectures.
struct MixCircumstances: Sendable {
  /// As in a GGUF's `general.architecture`.
  var architecture = ""
  /// Of the model that is read, before layers are left out.
  var layerCount = 0
  /// Experts of each layer; 0 where the model has none.
  var expertCount = 0
  /// Query heads of the first layer.
  var headCount = 0
  /// Key and value heads of the first layer.
  var keyValueHeadCount = 0

  init() {}

  /// From a GGUF's metadata, of whatever architecture. What is not there, or is no number, counts as 0.
  init(architecture: String, metadata value: (String) -> MetadataValue?) {
    func count(_ key: String) -> Int? {
      guard let found = value("\(architecture).\(key)"), let number = found.integer ?? found.integers?.first else {
        return nil
      }
      return min(max(number, 0), Self.mostCounted)
    }
    self.architecture = architecture
    layerCount = count("block_count") ?? 0
    expertCount = count("expert_count") ?? 0
    headCount = count("attention.head_count") ?? 0
    keyValueHeadCount = count("attention.head_count_kv") ?? headCount
    switch architecture {
    // The layers are run several times, each time counted.
    case "nanbeige": layerCount *= max(count("num_loops") ?? 1, 1)
    // One more layer chooses the adapter.
    case "graniteswitch": layerCount += 1
    default: break
    }
  }

  /// More than any model has, and few enough to calculate with.
  private static let mostCounted = 1 << 20

  /// 0 where there are no heads.
  var queriesPerKey: Int { keyValueHeadCount == 0 ? 0 : headCount / keyValueHeadCount }

  var isFalcon: Bool { architecture == "falcon" }

  var hasEightExperts: Bool { expertCount == 8 }

  /// Whether it is one of the models of 70 billion weights, of which eight heads share each value matrix.
  var sharesFewValues: Bool {
    switch architecture {
    case "llama", "llama-embed": layerCount == 80 && headCount != keyValueHeadCount && !hasEightExperts
    case "qwen2", "deci", "olmo": layerCount == 80
    case "jais2": layerCount == 68
    default: false
    }
  }
}
