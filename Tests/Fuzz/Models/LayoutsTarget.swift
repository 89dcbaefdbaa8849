internal import Bytes
internal import Conversion
internal import FuzzSupport
internal import Safetensors
internal import Tensors

extension ModelsTargets {
  /// Quantized weights in safetensors files: states, tables and planes that must fit each other.
  static let layouts = FuzzTarget("layouts", seeds: ["Tests/Fuzz/Seeds/layouts"]) { bytes in
    let file = try SafetensorsFile(InputBytes(bytes))
    for tensor in try WeightLayouts.weights(of: file, config: nil, beside: BesideConfig(fileMetadata: file.metadata))
      .weights where tensor.elementCount <= 1 << 16
    {
      _ = try tensor.values()
    }
  }
}
