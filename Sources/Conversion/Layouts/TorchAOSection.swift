internal import Bytes
internal import JSON

/// What config.json says of weights that torchao has quantized: the configuration that made them, and the modules that are
/// left as they are. How each is decoded stands in the metadata of the files. Source: transformers `TorchAoConfig`.
struct TorchAOSection {
  private let section: QuantizationSection
  /// The classes of tensors that the configurations make.
  private let classes: Set<String>
  private let skipped: [String]

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
    let included = section["include_input_output_embeddings"] == .bool(true)
    // With embeddings included, the library takes them off this list.
    skipped = included ? [] : (section["modules_to_not_convert"]?.array ?? []).compactMap(\.string)
    guard let type = section["quant_type"]?["default"] else {
      throw section.refusal(
        of: "quant_type", "a configuration under \"default\", as transformers saves beside safetensors,")
    }
    var classes: Set<String> = []
    let lists = ["fqn_to_config", "module_fqn_to_config"]
    let each = lists.lazy.compactMap { type["_data"]?[$0]?.object }.first.map { Array($0.values) } ?? [type]
    for configuration in each where !configuration.isNull {
      let name = configuration["_type"]?.string ?? ""
      guard let made = Self.made[name] else {
        throw FileError(
          .unsupported, path: section.path, subject: "quantization_config.quant_type",
          "is a \(FileError.quoted(name)), which is not read; these are: "
            + Self.made.keys.sorted().joined(separator: ", ") + "; torchao opens it")
      }
      classes.insert(made)
    }
    self.classes = classes
  }

  /// - Throws: `FileError` where a weight is another than the section says.
  func check(_ name: String, _ className: String) throws(FileError) {
    guard classes.contains(className) else {
      throw FileError(
        .mismatch, path: section.path, subject: name,
        "is a \(className), but what config.json says makes \(classes.sorted().joined(separator: ", "))")
    }
    guard let entry = skipped.first(where: { Self.matches(name, $0) }) else { return }
    throw FileError(
      .mismatch, path: section.path, subject: name,
      "is quantized, but config.json's \"modules_to_not_convert\" says that it is not (\(FileError.quoted(entry)))")
  }

  /// Whether an entry is for a tensor: an expression that matches its name up to the end of a part, or an ending of it.
  private static func matches(_ name: String, _ entry: String) -> Bool {
    if name.hasSuffix(entry) || name == entry || name.hasPrefix(entry + ".") { return true }
    return (try? BoundedExpression(entry + "\\."))?.matchesStart(of: name) ?? false
  }
}
