internal import Bytes
internal import Conversion
internal import FuzzSupport
internal import GGUF
internal import Safetensors
internal import Tensors

extension ModelsTargets {
  /// Quantized weights in safetensors files and in GGUFs: states, tables and planes that must fit each other.
  static let layouts = FuzzTarget("layouts", seeds: ["Tests/Fuzz/Seeds/layouts"]) { bytes in
    let source: any TensorSource
    var beside = BesideConfig()
    if bytes.starts(with: "GGUF".utf8) {
      source = try GGUFSource(GGUFFile(InputBytes(bytes)))
    } else {
      let file = try SafetensorsFile(InputBytes(bytes))
      beside = BesideConfig(fileMetadata: file.metadata)
      source = file
    }
    for tensor in try WeightLayouts.weights(of: source, config: nil, beside: beside).weights
    where tensor.elementCount <= 1 << 16 {
      _ = try tensor.values()
    }
  }
}
