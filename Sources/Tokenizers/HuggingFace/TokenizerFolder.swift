public import Bytes

/// The tokenizer files of a Hugging Face folder.
public enum TokenizerFolder {
  /// A file that holds a whole vocabulary. The first one in a folder counts: so does llama.cpp's converter, and the
  /// transformers library where mistral-common is not installed.
  private struct VocabularyFile: Sendable {
    let name: String
    let load:
      @Sendable (_ path: String, [UInt8], FolderSettings, _ vocabularySize: Int?) throws(FileError) -> LoadedTokenizer
  }

  private static let vocabularyFiles = [
    VocabularyFile(
      name: "tokenizer.json",
      load: { path, bytes, settings, size throws(FileError) in
        try TokenizerJSONLoader(path: path, settings: settings, vocabularySize: size).load(bytes)
      }),
    VocabularyFile(
      name: TekkenFile.name,
      load: { path, bytes, settings, size throws(FileError) in
        try TekkenLoader(path: path, settings: settings, vocabularySize: size).load(bytes)
      }),
    VocabularyFile(
      name: "tokenizer.model",
      load: { path, bytes, settings, size throws(FileError) in
        try SentencePieceLoader(path: path, settings: settings, vocabularySize: size).load(bytes)
      }),
  ]

  /// Whether the folder has a vocabulary at all.
  /// - Throws: `FileError` when that cannot be told.
  public static func hasVocabulary(_ folder: String) throws(FileError) -> Bool {
    for file in vocabularyFiles where try FileSystem.hasFile(FileSystem.join(folder, file.name)) { return true }
    return false
  }

  /// Loads `tokenizer.json`, or else `tekken.json`, or else `tokenizer.model`, with what the configuration files beside it say.
  /// - Parameters:
  ///   - folder: the checkpoint's folder.
  ///   - vocabularySize: rows of the embedding. Ids without a token up to there become `[PADn]`, unused.
  /// - Throws: `FileError` with the file, the key, what was found there and what is supported.
  public static func load(_ folder: String, vocabularySize: Int? = nil) throws(FileError) -> LoadedTokenizer {
    for file in vocabularyFiles {
      let path = FileSystem.join(folder, file.name)
      guard try FileSystem.hasFile(path) else { continue }
      return try file.load(path, try InputFile.document(of: path), try FolderSettings(folder: folder), vocabularySize)
    }
    let names = vocabularyFiles.map(\.name).joined(separator: " nor ")
    throw FileError(.missing, path: folder, "there is no tokenizer: neither \(names) is in the folder")
  }

  /// Loads that file, which need not be the one that counts in its folder, with what the configuration files beside it
  /// say. A `tekken.json` may have a date in its name, other files any name with the right ending. Of a file that holds
  /// settings and no vocabulary, the folder is loaded.
  public static func load(file path: String, vocabularySize: Int? = nil) throws(FileError) -> LoadedTokenizer {
    let name = FileSystem.lastComponent(path)
    let folder = FileSystem.parent(path)
    let named = TekkenFile.isNamed(name) ? TekkenFile.name : name
    if FolderSettings.names.contains(name) { return try load(folder, vocabularySize: vocabularySize) }
    let file =
      vocabularyFiles.first { $0.name == named }
      ?? vocabularyFiles.first { file in
        [".json", ".model"].contains { name.hasFileEnding($0) && file.name == "tokenizer" + $0 }
      }
    guard let file else {
      throw FileError(
        .unsupported, path: path,
        "is not a tokenizer file; name \(vocabularyFiles.map(\.name).joined(separator: ", ")), a GGUF, or a folder with one"
      )
    }
    return try file.load(
      path, try InputFile.contents(of: path), try FolderSettings(folder: folder), vocabularySize)
  }

  /// The same of files in memory, by name. Chat templates in files of their own are not looked for.
  package static func load(_ files: [String: [UInt8]], vocabularySize: Int? = nil) throws(FileError) -> LoadedTokenizer
  {
    for file in vocabularyFiles {
      guard let bytes = files[file.name] else { continue }
      let settings = try FolderSettings(folder: "folder") { files[$0] }
      return try file.load(file.name, bytes, settings, vocabularySize)
    }
    throw FileError(.missing, path: "folder", "there is no tokenizer")
  }
}
