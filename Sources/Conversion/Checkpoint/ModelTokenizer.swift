public import Bytes
public import Tokenizers

/// Finds the tokenizer of a model.
public enum ModelTokenizer {
  /// The one that comes with a checkpoint.
  /// - Parameter preTokenizer: a name for how text is cut, in place of what the tokenizer says.
  /// - Throws: `FileError` when it has none, or one that cannot be run.
  public static func load(of checkpoint: Checkpoint, preTokenizer: String? = nil) throws(FileError) -> Tokenizer {
    if checkpoint.tokenizerFolder == nil, let metadata = checkpoint.metadata {
      guard var vocabulary = try VocabularyMetadata.vocabulary(in: metadata) else {
        throw FileError(
          .missing, path: checkpoint.path, "the GGUF has no tokenizer", remedy: .nameTokenizer)
      }
      if let preTokenizer { try vocabulary.cut(as: preTokenizer, path: checkpoint.path) }
      return try Tokenizer(vocabulary, path: checkpoint.path)
    }
    guard let folder = checkpoint.tokenizerFolder, try TokenizerFolder.hasVocabulary(folder) else {
      throw FileError(
        .missing, path: checkpoint.path, "there is no tokenizer beside the weights",
        remedy: .nameTokenizer)
    }
    return try TokenizerFolder.load(folder, preTokenizer: preTokenizer).tokenizer
  }

  /// What a checkpoint's GGUF keys are or would be.
  package static func vocabulary(of checkpoint: Checkpoint) throws(FileError) -> GGUFVocabulary? {
    if let metadata = checkpoint.metadata { return try VocabularyMetadata.vocabulary(in: metadata) }
    guard let folder = checkpoint.folder, try TokenizerFolder.hasVocabulary(folder) else { return nil }
    return try TokenizerFolder.load(folder).vocabulary
  }

  /// The one in a folder, in a tokenizer file or in a GGUF.
  public static func load(_ path: String, preTokenizer: String? = nil) throws(FileError) -> Tokenizer {
    if try FileSystem.isFolder(path) {
      return try TokenizerFolder.load(try HubCache.resolved(path), preTokenizer: preTokenizer).tokenizer
    }
    if holdsTokenizer(path) {
      guard let metadata = try Recognition.open(path).metadata else {
        throw FileError(.unsupported, path: path, "holds no tokenizer, whatever its name says")
      }
      guard var vocabulary = try VocabularyMetadata.vocabulary(in: metadata) else {
        throw FileError(.missing, path: path, "the GGUF has no tokenizer")
      }
      if let preTokenizer { try vocabulary.cut(as: preTokenizer, path: path) }
      return try Tokenizer(vocabulary, path: path)
    }
    guard try FileSystem.exists(path) else { throw FileError(.missing, path: path, "no such file or folder") }
    return try TokenizerFolder.load(file: path, preTokenizer: preTokenizer).tokenizer
  }

  /// Whether it has the name of a file that tells everything of a model.
  private static func holdsTokenizer(_ path: String) -> Bool {
    Container.all.contains { container in
      container.tellsEverything && ["", ".zst"].contains { path.hasFileEnding(container.fileEnding + $0) }
    }
  }

  /// The files that `load` reads of that path.
  public static func inputPaths(_ path: String) throws(FileError) -> [String] {
    if try FileSystem.isFolder(path) { return try ModelFolder.inputPaths(in: try HubCache.resolved(path)) }
    return [path] + (holdsTokenizer(path) ? [] : try ModelFolder.inputPaths(in: FileSystem.parent(path)))
  }
}
