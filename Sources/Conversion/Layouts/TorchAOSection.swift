internal import Bytes
internal import JSON

/// What config.json says of weights that torchao has quantized: the configuration that made them, and the modules that are
/// left as they are. How each is decoded stands in the metadata of the files. Source: transformers `TorchAoConfig`.
struct TorchAOSection {
  private let section: QuantizationSection
  /// The classes of tensors that the configurations make.
  private let classes: Set<String>
  private let skipped: SkippedTensors

  /// The class of tensors that a configuration makes.
  private static let made = [
    "Int8WeightOnlyConfig": "Int8Tensor", "Int8DynamicActivationInt8WeightConfig": "Int8Tensor",
    "Int8StaticActivationInt8WeightConfig": "Int8Tensor",
    "Float8WeightOnlyConfig": "Float8Tensor", "Float8DynamicActivationFloat8WeightConfig": "Float8Tensor",
    "Float8StaticActivationFloat8WeightConfig": "Float8Tensor",
    "IntxWeightOnlyConfig": "IntxUnpackedToInt8Tensor",
    "Int8DynamicActivationIntxWeightConfig": "IntxUnpackedToInt8Tensor",
    "NVFP4WeightOnlyConfig": "NVFP4Tensor", "NVFP4DynamicActivationNVFP4WeightConfig": "NVFP4Tensor",
    "NVFP4InferenceConfig": "NVFP4Tensor",
    "MXDynamicActivationMXWeightConfig": "MXTensor", "MXFPInferenceConfig": "MXTensor",
  ]

  init(_ section: QuantizationSection) throws(FileError) {
    self.section = section
    try section.requireKnown([
      "quant_type", "quant_type_kwargs", "modules_to_not_convert", "include_input_output_embeddings",
      "untie_embedding_weights",
    ])
    let skipped = try SkippedTensors(section, key: "modules_to_not_convert")
    // With embeddings included, the library takes them off this list.
    self.skipped = try section.isTrue("include_input_output_embeddings") ? SkippedTensors() : skipped
    guard let type = section["quant_type"]?["default"]?.unlessNull else {
      throw section.refusal(
        of: "quant_type", "a configuration under \"default\", as transformers saves beside safetensors,")
    }
    var classes: Set<String> = []
    let lists = ["fqn_to_config", "module_fqn_to_config"]
    let each = lists.lazy.compactMap { type["_data"]?[$0]?.object }.first
    let configurations = each.map { each in each.sorted { $0.key < $1.key }.map(\.value) } ?? [type]
    for configuration in configurations where !configuration.isNull {
      let name = configuration["_type"]?.string
      guard let made = name.flatMap({ Self.made[$0] }) else {
        throw FileError(
          .unsupported, path: section.path, subject: "quantization_config.quant_type",
          "is a \(name.map(FileError.quoted) ?? configuration.shown), which is not read; these are: "
            + Self.made.keys.sorted().joined(separator: ", ") + "; torchao opens it")
      }
      classes.insert(made)
    }
    self.classes = classes
  }

  /// - Throws: `FileError` where a weight is another than the section says.
  func check(_ name: String, _ className: String) throws(FileError) {
    guard classes.contains(className) else {
      throw LayoutRule.torchAOSection.broken(
        .mismatch, path: section.path, subject: name,
        "is a \(className), but what config.json says makes "
          + (classes.isEmpty ? "none" : classes.sorted().joined(separator: ", ")))
    }
    guard let entry = skipped.entry(for: name) else { return }
    throw LayoutRule.torchAOSection.broken(
      .mismatch, path: section.path, subject: name,
      "is quantized, but config.json's \"modules_to_not_convert\" says that it is not (\(FileError.quoted(entry)))")
  }
}
