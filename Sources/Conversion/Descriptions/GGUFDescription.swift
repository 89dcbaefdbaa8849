internal import Architectures
internal import Bytes
internal import GGUF
internal import JSON
internal import Quantization
internal import Tensors
internal import Tokenizers

/// What a GGUF says of its model beside the weights: hyperparameters, tokenizer, and under `decant.*` what GGUF has no
/// key for, so that the Hugging Face form can be had back.
struct GGUFDescription {
  var metadata: GGUFMetadata
  var notes: [Note] = []

  /// Keys of ours. The format of each is in `Formats/GGUF/SPEC.md`.
  enum Key {
    /// config.json as it was.
    static let config = "decant.huggingface.config"
    /// generation_config.json as it was: it may list several EOS ids.
    static let generationConfig = "decant.huggingface.generation_config"
    /// The element type that most tensors had in safetensors.
    static let elementType = "decant.source.element_type"
    /// Output names of the tensors that had another one, and those types.
    static let otherTypesPrefix = "decant.source.other_element_types."
    static let otherNames = "decant.source.other_element_types.names"
    static let otherTypes = "decant.source.other_element_types.types"
    /// Code, block size and scale encoding of weights that are stored as companion tensors.
    static let blockwiseType = "decant.quantization.type"
    static let blockSize = "decant.quantization.block_size"
    static let doubleQuantized = "decant.quantization.double_quant"
  }

  init(
    of checkpoint: Checkpoint, tensors: [PlannedTensor], _ recipe: Recipe, _ provenance: [(key: String, value: String)]
  ) throws(FileError) {
    if let source = checkpoint.metadata {
      // From GGUF to GGUF everything that is said stays said.
      metadata = source
      metadata.removeAll {
        $0.key.hasPrefix("split.") || $0.key == "general.alignment" || $0.key == GGUFFile.paddingKey
          || $0.key.hasPrefix(Provenance.prefix)
      }
      if let config = metadata[Key.config]?.string {
        metadata[Key.config] = .string(try Self.corrected(config, for: checkpoint))
      }
      if !checkpoint.adapters.isEmpty, let model = checkpoint.model {
        try followVocabulary(of: checkpoint, model, recipe)
      }
      if let name = recipe.preTokenizer, checkpoint.tokenizerFolder == nil || checkpoint.adapters.isEmpty {
        guard var vocabulary = try VocabularyMetadata.vocabulary(in: metadata) else {
          throw FileError(
            .missing, path: checkpoint.path, "the GGUF has no tokenizer that a pre-tokenizer could be named for")
        }
        try vocabulary.cut(as: name, path: checkpoint.path)
        metadata["tokenizer.ggml.pre"] = .string(name)
      }
      if metadata[Key.elementType] != nil {
        metadata.removeAll { $0.key.hasPrefix(Key.elementType) || $0.key.hasPrefix(Key.otherTypesPrefix) }
        addElementTypes(tensors)
      }
    } else {
      let model = try checkpoint.requireModel()
      metadata = GGUFMetadata()
      metadata["general.architecture"] = .string(model.ggufArchitecture)
      metadata["general.type"] = .string("model")
      for (key, value) in try model.metadata(path: checkpoint.path) {
        metadata[key] = value
      }
      notes += model.ggufNotes.map { Note($0) }
      let foreign = checkpoint.tensors.map(\.name).filter(model.isForeign)
      if !foreign.isEmpty {
        notes.append(
          Note(
            "left out, as they belong to another part of the model, such as its vision tower: a GGUF of "
              + "\(model.ggufArchitecture) holds the text part", of: foreign))
      }
      try addTokenizer(of: checkpoint, vocabularySize: model.vocabularySize, recipe)
      try addFiles(of: checkpoint)
      try addKept(of: checkpoint, recipe)
      addElementTypes(tensors)
    }
    if let name = recipe.modelName { metadata["general.name"] = .string(name) }
    if metadata["general.name"] == nil, !recipe.metadata.contains(where: { $0.key == "general.name" }) {
      notes.append(Note("the model has no name of its own, so that the GGUF has none either", remedy: .nameModel))
    }
    metadata["general.file_type"] = (recipe.fileType ?? Self.fileType(of: tensors)).map(MetadataValue.uint32)
    addSpelling(tensors)
    if tensors.contains(where: { $0.planes.contains { $0.descriptor.encoding.elementsPerBlock > 1 } }) {
      metadata["general.quantization_version"] = .uint32(2)
    }
    if let pruning = try recipe.pruning(of: checkpoint) {
      // config.json as it was counts the layers that are gone.
      metadata[Key.config] = nil
      let architecture = metadata["general.architecture"]?.string ?? ""
      metadata["\(architecture).block_count"] = .uint32(UInt32(pruning.remainingCount))
    }
    if let importance = recipe.importance, tensors.contains(where: { $0.importance != nil }) { add(importance) }
    for override in recipe.metadata { metadata[override.key] = override.value }
    for (key, value) in provenance { metadata[key] = .string(value) }
  }

  /// llama-quantize's record of the matrix.
  private mutating func add(_ importance: ImportanceMatrix) {
    metadata["quantize.imatrix.file"] = .string(FileSystem.lastComponent(importance.name))
    metadata["quantize.imatrix.dataset"] = importance.datasetNames.first.map(MetadataValue.string)
    metadata["quantize.imatrix.entries_count"] = .uint32(UInt32(clamping: importance.entries.count))
    metadata["quantize.imatrix.chunks_count"] = .uint32(UInt32(clamping: importance.chunkCount))
  }

  /// `general.file_type`, llama.cpp's numbers: the type that most elements of matrices have; nil where it has none.
  private static func fileType(of tensors: [PlannedTensor]) -> UInt32? {
    var elements: [String: Int] = [:]
    for tensor in tensors where tensor.shape.count > 1 {
      elements[tensor.targetType, default: 0] += tensor.elementCount
    }
    let most = elements.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? "f32"
    return Catalog.entry(named: most)?.fileType
  }

  /// Tells people and programs what the companion tensors are.
  private mutating func addSpelling(_ tensors: [PlannedTensor]) {
    for key in [Key.blockwiseType, Key.blockSize, Key.doubleQuantized] { metadata[key] = nil }
    let spelled = tensors.filter { $0.spelling?.layout.isKnownInGGUF == false }
    guard let first = spelled.first?.spelling else { return }
    for (key, value) in first.layout.metadata(of: first.type) { metadata[key] = value }
    let name = metadata[Key.blockwiseType]?.string ?? spelled[0].targetType
    notes.append(
      Note(
        "stored as \(name), which only Decant reads in a GGUF: llama.cpp and what builds on it refuse the file; "
          + "types such as q4_k_m and q8_0 are for them", of: spelled.map(\.name)))
  }

  private mutating func addTokenizer(
    of checkpoint: Checkpoint, vocabularySize: Int, _ recipe: Recipe
  ) throws(FileError) {
    guard let folder = checkpoint.tokenizerFolder, try TokenizerFolder.hasVocabulary(folder) else {
      notes.append("the model has no tokenizer beside it; the GGUF has none either, and runtimes will refuse to run it")
      return
    }
    let loaded = try TokenizerFolder.load(folder, vocabularySize: vocabularySize, preTokenizer: recipe.preTokenizer)
    var vocabulary = loaded.vocabulary
    if recipe.preTokenizer == nil, let name = KnownPreTokenizers.name(of: loaded.tokenizer) {
      vocabulary.take(preTokenizerName: name)
    }
    for (key, value) in VocabularyMetadata.entries(for: vocabulary) { metadata[key] = value }
    for (key, value) in VocabularyMetadata.entries(for: loaded.kept) { metadata[key] = value }
    if !loaded.losses.isEmpty {
      notes.append(
        "GGUF cannot say of the tokenizer that \(loaded.losses.joined(separator: "; that ")): runtimes may give other ids "
          + "for some texts, and the way back to a folder restores it")
    }
  }

  /// What the folder's card says, and what was kept of an earlier GGUF.
  private mutating func addKept(of checkpoint: Checkpoint, _ recipe: Recipe) throws(FileError) {
    guard let folder = checkpoint.folder else { return }
    for (key, value) in try KeptMetadata.metadata(of: folder) {
      if key == "general.name", recipe.modelName != nil { continue }
      if key == "tokenizer.ggml.pre", recipe.preTokenizer != nil { continue }
      if key == "tokenizer.ggml.pre" {
        guard var vocabulary = try VocabularyMetadata.vocabulary(in: metadata), let name = value.string else {
          continue
        }
        vocabulary.take(preTokenizerName: name)
        metadata[key] = vocabulary.pre.map(MetadataValue.string)
      } else {
        metadata[key] = value
      }
    }
  }

  /// Gives a GGUF that an adapter was merged into the adapter's vocabulary, where that is another one.
  private mutating func followVocabulary(
    of checkpoint: Checkpoint, _ model: any Model, _ recipe: Recipe
  ) throws(FileError) {
    let rows = model.vocabularySize
    let sizeKey = "\(model.ggufArchitecture).vocab_size"
    if metadata[sizeKey] != nil { metadata[sizeKey] = .uint32(UInt32(clamping: rows)) }
    if checkpoint.tokenizerFolder != nil {
      metadata.removeAll { entry in
        ["tokenizer.", "decant.tokenizer.", "decant.huggingface.tokenizer"].contains { entry.key.hasPrefix($0) }
      }
      return try addTokenizer(of: checkpoint, vocabularySize: rows, recipe)
    }
    guard var vocabulary = try VocabularyMetadata.vocabulary(in: metadata), vocabulary.tokens.count != rows else {
      return
    }
    guard vocabulary.tokens.count < rows else {
      throw FileError(
        .mismatch, path: checkpoint.path, subject: "tokenizer.ggml.tokens",
        "are \(vocabulary.tokens.count) tokens, but with the adapter the model has \(rows) rows; lay the tokenizer of the "
          + "training into the adapter's folder")
    }
    guard rows - vocabulary.tokens.count <= GGUFVocabulary.mostPadding else {
      throw FileError(
        .unsupported, path: checkpoint.path, subject: "tokenizer.ggml.tokens",
        "are \(vocabulary.tokens.count) tokens, but with the adapter the model has \(rows) rows; at most "
          + "\(GGUFVocabulary.mostPadding) rows without a token are supported")
    }
    vocabulary.pad(to: rows)
    for (key, value) in VocabularyMetadata.entries(for: vocabulary) { metadata[key] = value }
  }

  private mutating func addFiles(of checkpoint: Checkpoint) throws(FileError) {
    guard let folder = checkpoint.folder else { return }
    for (name, key) in [("config.json", Key.config), ("generation_config.json", Key.generationConfig)] {
      let path = FileSystem.join(folder, name)
      guard try FileSystem.hasFile(path) else { continue }
      let bytes = try InputFile.document(of: path, limit: 16 << 20)
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw FileError(.malformed, path: path, "is not UTF-8 text")
      }
      metadata[key] = .string(name == "config.json" ? try Self.corrected(text, for: checkpoint) : text)
    }
  }

  /// config.json as it was, where the weights agree with it; otherwise with what they say.
  private static func corrected(_ text: String, for checkpoint: Checkpoint) throws(FileError) -> String {
    guard let model = checkpoint.model, let before = (try? JSONValue(parsing: Array(text.utf8)))?.object else {
      return text
    }
    var after = before
    model.correct(&after)
    guard after != before else { return text }
    do throws(JSONError) {
      return String(decoding: try JSONValue.object(after).serialized(), as: UTF8.self)
    } catch {
      throw FileError(.malformed, path: checkpoint.path, subject: "config.json", error.description)
    }
  }

  /// Norms are widened to F32 here; what they were is kept for the way back.
  private mutating func addElementTypes(_ tensors: [PlannedTensor]) {
    var originals: [(name: String, type: String)] = []
    for tensor in tensors {
      guard let type = tensor.originalType else { continue }
      originals.append((tensor.name, type))
    }
    var counts: [String: Int] = [:]
    for original in originals { counts[original.type, default: 0] += 1 }
    guard let most = counts.max(by: { ($0.value, $1.key) < ($1.value, $0.key) })?.key else { return }
    metadata[Key.elementType] = .string(most)
    let others = originals.filter { $0.type != most }
    if !others.isEmpty {
      metadata[Key.otherNames] = .strings(others.map(\.name))
      metadata[Key.otherTypes] = .strings(others.map(\.type))
    }
  }

  // MARK: - The way back

  /// config.json as it was where the file still agrees with it, otherwise nil. `model` gets what only config.json tells:
  /// the class, and the settings of RoPE behind plain factors.
  static func config(
    kept metadata: GGUFMetadata, family: any ModelFamily, model: inout any Model, path: String
  ) throws(FileError) -> JSONValue? {
    guard let text = metadata[Key.config]?.string, let whole = try? JSONValue(parsing: Array(text.utf8)) else {
      return nil
    }
    // A GGUF has the text part alone.
    let config = family.textConfig(of: whole)
    guard let kept = try? family.model(fromConfig: config, path: path), let completed = model.completed(by: kept) else {
      return nil
    }
    model = completed
    return config
  }

  /// The element type each tensor of the GGUF had in safetensors, where the file tells.
  static func originalEncodings(in metadata: GGUFMetadata) -> (String) -> Encoding? {
    let named = Dictionary(
      uniqueKeysWithValues: [Encoding.f32, .f16, .bf16, .f64, .f8E4M3, .f8E5M2].map { ($0.name, $0) })
    let most = metadata[Key.elementType]?.string.flatMap { named[$0] }
    var others: [String: Encoding] = [:]
    if let names = metadata[Key.otherNames]?.strings, let types = metadata[Key.otherTypes]?.strings,
      names.count == types.count
    {
      for (name, type) in zip(names, types) { others[name] = named[type] }
    }
    return { others[$0] ?? most }
  }
}
