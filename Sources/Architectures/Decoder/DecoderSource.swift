internal import Bytes
internal import JSON
internal import Tensors

/// Where a decoder is read from: config.json or a GGUF, as far as a family looks beyond its rows.
struct DecoderSource {
  enum Reader {
    case config(ConfigReader)
    case metadata(MetadataReader)
  }

  let reader: Reader
  /// The class that config.json names; of a GGUF the usual one of its family.
  var modelClass: ModelClass
  /// Modules of layers of a GGUF that have biases: `attn_q`.
  private let biasedModules: Set<String>
  private let tensorNames: Set<String>

  init(_ reader: Reader, _ modelClass: ModelClass) {
    self.reader = reader
    self.modelClass = modelClass
    guard case .metadata(let metadata) = reader else {
      (biasedModules, tensorNames) = ([], [])
      return
    }
    tensorNames = Set(metadata.tensors.map(\.name))
    biasedModules = Set(
      tensorNames.compactMap { name in
        guard name.hasSuffix(".bias"), name.hasPrefix(TensorTable.ggufLayerPrefix) else { return nil }
        return name.split(separator: ".").dropFirst(2).dropLast().joined(separator: ".")
      })
  }

  var config: ConfigReader? { if case .config(let reader) = reader { reader } else { nil } }
  var metadata: MetadataReader? { if case .metadata(let reader) = reader { reader } else { nil } }

  var setting: any SettingReader {
    switch reader {
    case .config(let reader): reader
    case .metadata(let reader): reader
    }
  }

  /// Whether a GGUF has a bias of that module in any layer: llama.cpp applies those that are there.
  func hasBias(_ module: String) -> Bool { biasedModules.contains(module) }

  /// Whether a GGUF has the tensor.
  func hasTensor(_ name: String) -> Bool { tensorNames.contains(name) }

  /// How heads are turned, as either form says it.
  func rope(_ rules: RotaryEmbedding.ConfigRules) -> RotaryEmbedding {
    switch reader {
    case .config(let reader): RotaryEmbedding(reader, rules)
    case .metadata(let reader):
      RotaryEmbedding(reader, dimension: rules.dimension, contextLength: rules.contextLength, theta: rules.theta)
    }
  }
}
