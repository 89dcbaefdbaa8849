internal import Architectures
internal import Bytes
internal import GGUF
internal import JSON
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
    of checkpoint: Checkpoint, tensors: [PlannedTensor], _ destination: Destination, _ recipe: Recipe,
    _ provenance: [(key: String, value: String)]
  ) throws(FileError) {
    // How the source was made is not how this is.
    metadata = checkpoint.fileMetadata.filter { !$0.key.hasPrefix(Provenance.prefix) }
    for layout in WeightLayouts.all { metadata = layout.fileMetadata(of: tensors, own: metadata) }
    for (key, value) in provenance { metadata[key] = value }
    // transformers refuses weights that do not say which library wrote them.
    if metadata["format"] == nil { metadata["format"] = "pt" }
    guard !destination.isFile else { return }
    let isAsItWas = Self.isAsItWas(tensors)
    if !isAsItWas { try Self.refuseMixed(tensors, checkpoint) }
    if var document = try Self.config(of: checkpoint) {
      try describe(tensors, in: &document, checkpoint, destination)
      if checkpoint.config == nil, checkpoint.model?.listsRopeFactors == true {
        notes.append(
          "the GGUF holds factors of RoPE, but not the settings they were made from; config.json lists the factors, "
            + "as RoPE of the kind longrope")
      }
      sidecars.append(try Self.sidecar("config.json", .object(document), destination))
    } else {
      notes.append("there is no config.json beside the weights, so the output has none either")
    }
    // An adapter may bring a tokenizer of its own.
    let adapterTokenizer = checkpoint.tokenizerFolder == checkpoint.folder ? nil : checkpoint.tokenizerFolder
    if let adapterTokenizer {
      carry(try ModelFolder.carried(from: adapterTokenizer, .tokenizer, isLoadedWithCode: false))
    }
    if let folder = checkpoint.folder {
      carry(
        try ModelFolder.carried(
          from: folder, adapterTokenizer == nil ? .all : .allButTokenizer,
          isLoadedWithCode: try Self.isLoadedWithCode(checkpoint, folder), isQuantizedAsItWas: isAsItWas))
    } else if let metadata = checkpoint.metadata {
      let card = ModelCard.card(title: metadata["general.name"]?.string) { metadata[$0] }
      if let card { sidecars.append(Plan.Sidecar(name: ModelCard.name, bytes: card)) }
      if let kept = KeptMetadata.file(of: metadata, card: card) {
        sidecars.append(try Self.sidecar(KeptMetadata.name, kept, destination))
      }
      guard var vocabulary = try VocabularyMetadata.vocabulary(in: metadata) else {
        if adapterTokenizer == nil { notes.append("the GGUF has no tokenizer, so the folder has none either") }
        return
      }
      // What is kept says how text was cut before another name was given.
      var kept = VocabularyMetadata.kept(in: metadata)
      if let name = recipe.preTokenizer, name != vocabulary.pre {
        try vocabulary.cut(as: name, path: checkpoint.path)
        kept = KeptTokenizer()
      }
      if adapterTokenizer == nil {
        for file in try tokenizerFiles(vocabulary, kept, checkpoint) {
          sidecars.append(Plan.Sidecar(name: file.name, bytes: file.bytes))
        }
        if let name = vocabulary.builtInTemplate {
          notes.append(
            "the GGUF names \(FileError.quoted(name)), a chat template inside llama.cpp; the folder has no chat template"
          )
        }
      }
      try addGenerationConfig(metadata, vocabulary, destination)
    }
  }

  private mutating func carry(_ carried: ModelFolder.Carried) {
    sidecars += carried.files
    notes += carried.notes
  }

  /// Whether transformers needs the folder's own code.
  private static func isLoadedWithCode(_ checkpoint: Checkpoint, _ folder: String) throws(FileError) -> Bool {
    if checkpoint.config?["auto_map"] != nil { return true }
    let path = FileSystem.join(folder, "tokenizer_config.json")
    return try FileSystem.hasFile(path) ? Checkpoint.json(at: path)["auto_map"] != nil : false
  }

  /// The files as they were where the GGUF still agrees with them, otherwise those that its vocabulary gives.
  private mutating func tokenizerFiles(
    _ vocabulary: GGUFVocabulary, _ kept: KeptTokenizer, _ checkpoint: Checkpoint
  ) throws(FileError) -> [TokenizerFile] {
    if let files = vocabulary.huggingFaceFiles(kept: kept, path: checkpoint.path) { return files }
    if !kept.isEmpty {
      notes.append(
        "the GGUF's vocabulary was edited after it was made from a folder; the tokenizer is written as the GGUF has it")
    }
    return try vocabulary.huggingFaceFiles(path: checkpoint.path)
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
    guard let model = checkpoint.model else { return checkpoint.config?.object }
    if var config = checkpoint.config?.object {
      model.correct(&config)
      return config
    }
    var config = try model.config(path: checkpoint.path)
    if let metadata = checkpoint.metadata, let vocabulary = try VocabularyMetadata.vocabulary(in: metadata) {
      config.merge(vocabulary.generationConfiguration) { _, own in own }
    }
    return config
  }

  /// Says in config.json what the weights are now.
  private mutating func describe(
    _ tensors: [PlannedTensor], in config: inout [String: JSONValue], _ checkpoint: Checkpoint,
    _ destination: Destination
  ) throws(FileError) {
    // The element type of most of what is not quantized.
    var counts: [String: Int] = [:]
    for tensor in tensors {
      guard let name = Self.names[tensor.targetType] else { continue }
      counts[name, default: 0] += tensor.elementCount
    }
    let most = counts.max(by: { ($0.value, $1.key) < ($1.value, $0.key) })?.key
    try describeQuantization(tensors, elementType: most, in: &config, destination)
    guard let most else { return }
    // Older and newer spelling; some files have both.
    let keys = ["dtype", "torch_dtype"].filter { config[$0] != nil }
    for key in keys.isEmpty ? ["torch_dtype"] : keys { config[key] = .string(most) }
  }

  /// Says how weights are quantized, where what config.json says of it does not hold any more, or is missing.
  private mutating func describeQuantization(
    _ tensors: [PlannedTensor], elementType: String?, in config: inout [String: JSONValue], _ destination: Destination
  ) throws(FileError) {
    let spelled = tensors.filter { $0.spelling != nil }
    guard let spelling = (spelled.first { $0.spelling?.type != nil } ?? spelled.first)?.spelling else {
      for key in QuantizationSection.keys { config[key] = nil }
      return
    }
    noteWhoReads(spelled)
    let others = tensors.filter { $0.isElements && Self.names[$0.targetType] != elementType }
    if !others.isEmpty {
      notes.append(
        Note(
          "another element type than the rest of what is not quantized: transformers takes it as it is stored, and may "
            + "fail to run the model", of: others.map(\.name), remedy: .chooseType))
    }
    let keys = (spelling.layout as? any GroupWritingLayout)?.sectionKeys ?? ["quantization_config"]
    let own = keys.compactMap { config[$0]?.object }.first
    // MLX's own section names no method.
    if own?["quant_method"] != nil || (keys.count > 1 && own != nil), Self.isAsItWas(tensors) { return }
    for key in QuantizationSection.keys { config[key] = nil }
    let section = spelling.layout.quantizationConfig(spelling.type, of: tensors, elementType: elementType, own: own)
    guard !section.isEmpty else { return }
    for key in keys { config[key] = .object(section) }
    guard let layout = spelling.layout as? any GroupWritingLayout else { return }
    let readable = layout.readable(config)
    config = readable.config
    notes += readable.notes
    for (name, content) in layout.smallFiles(section) {
      sidecars.append(try Self.sidecar(name, content, destination))
    }
  }

  /// Whether what the source says of its quantized weights holds for the output.
  private static func isAsItWas(_ tensors: [PlannedTensor]) -> Bool {
    tensors.allSatisfy { $0.isCopiedWhole || ($0.spelling == nil && !$0.isSourceQuantized) }
  }

  /// A file of a layout's own lists the weights of the source, and is not written anew.
  private static func refuseMixed(_ tensors: [PlannedTensor], _ checkpoint: Checkpoint) throws(FileError) {
    for tensor in tensors {
      guard let layout = tensor.spelling?.layout, let file = layout.ownFile else { continue }
      throw FileError(
        .unsupported, path: checkpoint.path, subject: tensor.name,
        "would stay a weight of \(layout.name) while others do not, which \(file) does not say", remedy: .chooseType)
    }
  }

  private mutating func noteWhoReads(_ spelled: [PlannedTensor]) {
    let readers = Dictionary(grouping: spelled) { $0.spelling.map { $0.layout.reader(of: $0.type) } ?? "" }
    guard readers.count == 1 else {
      let names = readers.keys.sorted().joined(separator: " and of ")
      notes.append("types of \(names) are mixed; transformers will not open this folder")
      return
    }
    notes += spelled.first?.spelling?.layout.notes(on: spelled) ?? []
  }

  /// torch's names of element types.
  private static let names = ["f32": "float32", "f16": "float16", "bf16": "bfloat16", "f64": "float64"]
}
