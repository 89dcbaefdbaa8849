internal import Architectures
internal import Bytes
internal import GGUF
internal import JSON
internal import Quantization
internal import Safetensors
internal import Tensors
internal import Tokenizers

/// What a Hugging Face folder holds beside the weights: configuration, tokenizer, generation settings.
struct FolderDescription {
  /// `__metadata__` of the weight files.
  var metadata: [String: String]
  var sidecars: [Plan.Sidecar] = []
  var notes: [Note] = []

  init(
    of checkpoint: Checkpoint, tensors: [PlannedTensor], _ destination: Destination,
    _ provenance: [(key: String, value: String)]
  ) throws(FileError) {
    // How the source was made is not how this is.
    metadata = checkpoint.fileMetadata.filter { !$0.key.hasPrefix(Provenance.prefix) }
    for (key, value) in provenance { metadata[key] = value }
    // transformers refuses weights that do not say which library wrote them.
    if metadata["format"] == nil { metadata["format"] = "pt" }
    guard !destination.isFile else { return }
    if var document = try Self.config(of: checkpoint) {
      describe(tensors, in: &document, checkpoint)
      sidecars.append(try Self.sidecar("config.json", .object(document), destination))
    } else {
      notes.append("there is no config.json beside the weights, so the output has none either")
    }
    if let folder = checkpoint.folder {
      for name in ModelFolder.tokenizerFiles + [ModelFolder.generationConfig] {
        let path = FileSystem.join(folder, name)
        guard FileSystem.isFile(path) else { continue }
        sidecars.append(Plan.Sidecar(name: name, bytes: try InputFile.contents(of: path)))
      }
    } else if let metadata = checkpoint.metadata {
      if let vocabulary = try VocabularyMetadata.vocabulary(in: metadata) {
        for file in try vocabulary.huggingFaceFiles(path: checkpoint.path) {
          sidecars.append(Plan.Sidecar(name: file.name, bytes: file.bytes))
        }
        if let name = vocabulary.builtInTemplate {
          notes.append(
            "the GGUF names \(FileError.quoted(name)), a chat template inside llama.cpp; the folder has no chat template"
          )
        }
        try addGenerationConfig(metadata, vocabulary, destination)
      } else {
        notes.append("the GGUF has no tokenizer, so the folder has none either")
      }
    }
  }

  private mutating func addGenerationConfig(
    _ metadata: GGUFMetadata, _ vocabulary: GGUFVocabulary, _ destination: Destination
  ) throws(FileError) {
    if let kept = metadata[GGUFDescription.Key.generationConfig]?.string {
      sidecars.append(Plan.Sidecar(name: "generation_config.json", bytes: Array(kept.utf8)))
      return
    }
    let generation = JSONValue.object(vocabulary.generationConfiguration)
    sidecars.append(try Self.sidecar("generation_config.json", generation, destination))
  }

  private static func sidecar(_ name: String, _ value: JSONValue, _ destination: Destination) throws(FileError)
    -> Plan.Sidecar
  {
    do throws(JSONError) {
      return Plan.Sidecar(name: name, bytes: try value.serialized())
    } catch {
      throw FileError(.malformed, path: FileSystem.join(destination.path, name), error.description)
    }
  }

  // MARK: - config.json

  private static func config(of checkpoint: Checkpoint) throws(FileError) -> [String: JSONValue]? {
    if let config = checkpoint.config?.object { return config }
    guard let model = checkpoint.model else { return nil }
    if case .divisors = model.configuration.rope.scaling {
      throw FileError(
        .unsupported, path: checkpoint.path, subject: "rope_freqs.weight",
        "the GGUF holds RoPE factors, but not the settings they were made from, which config.json needs; "
          + "convert from the original model instead")
    }
    var config = model.family.config(for: model.configuration)
    if let metadata = checkpoint.metadata, let vocabulary = try VocabularyMetadata.vocabulary(in: metadata) {
      config.merge(vocabulary.generationConfiguration) { _, own in own }
    }
    return config
  }

  /// Says in config.json what the weights are now.
  private mutating func describe(
    _ tensors: [PlannedTensor], in config: inout [String: JSONValue], _ checkpoint: Checkpoint
  ) {
    let matrices = tensors.filter { $0.shape.count == 2 }
    let keepsQuantization = tensors.contains { if case .copyStored = $0.action { true } else { false } }
    let quantized = tensors.compactMap { tensor -> TargetType? in
      guard case .encode(let type) = tensor.action, type.codec.blocksCrossRows else { return nil }
      return type
    }
    let owners = Set(quantized.compactMap { ($0.codec as? BlockwiseCodec)?.code.owner })
    if owners.count > 1 {
      notes.append("types of bitsandbytes and of Decant are mixed; transformers will not open this folder")
    }
    if let first = quantized.first {
      config["quantization_config"] = BlockwiseLayout.quantizationConfig(first, tensors: matrices)
    } else if !keepsQuantization {
      config["quantization_config"] = nil
    }
    // The element type of most of what is not quantized.
    var counts: [String: Int] = [:]
    for tensor in tensors {
      guard let name = Self.names[tensor.targetType] else { continue }
      counts[name, default: 0] += tensor.elementCount
    }
    guard let most = counts.max(by: { ($0.value, $1.key) < ($1.value, $0.key) })?.key else { return }
    // Older and newer spelling; some files have both.
    let keys = ["dtype", "torch_dtype"].filter { config[$0] != nil }
    for key in keys.isEmpty ? ["torch_dtype"] : keys { config[key] = .string(most) }
  }

  /// torch's names of element types.
  private static let names = ["f32": "float32", "f16": "float16", "bf16": "bfloat16", "f64": "float64"]
}
