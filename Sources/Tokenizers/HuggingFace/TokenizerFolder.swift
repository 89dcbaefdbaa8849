public import Bytes

/// The tokenizer files of a Hugging Face folder.
public enum TokenizerFolder {
  /// A file that holds a whole vocabulary. The first one in a folder counts: so does llama.cpp's converter, and the
  /// transformers library where mistral-common is not installed.
  private struct VocabularyFile: Sendable {
    let name: String
    let load:
      @Sendable (_ path: String, [UInt8], FolderSettings, _ vocabularySize: Int?, _ preTokenizerName: String?)
        throws(FileError) -> LoadedTokenizer
  }

  private static let vocabularyFiles = [
    VocabularyFile(
      name: "tokenizer.json",
      load: { path, bytes, settings, size, name throws(FileError) in
        try TokenizerJSONLoader(path: path, settings: settings, vocabularySize: size, preTokenizerName: name).load(
          bytes)
      }),
    VocabularyFile(
      name: TekkenFile.name,
      load: { path, bytes, settings, size, name throws(FileError) in
        try refuse(name, path: path)
        return try TekkenLoader(path: path, settings: settings, vocabularySize: size).load(bytes)
      }),
    VocabularyFile(
      name: "tokenizer.model",
      load: { path, bytes, settings, size, name throws(FileError) in
        try refuse(name, path: path)
        return try SentencePieceLoader(path: path, settings: settings, vocabularySize: size).load(bytes)
      }),
  ]

  /// Two files that count last.
  private static let olderFile = VocabularyFile(
    name: MergesFileLoader.vocabularyName,
    load: { path, bytes, settings, size, name throws(FileError) in
      try MergesFileLoader(path: path, settings: settings, vocabularySize: size, preTokenizerName: name).load(bytes)
    })

  private static func refuse(_ preTokenizerName: String?, path: String) throws(FileError) {
    guard let preTokenizerName else { return }
    throw FileError(
      .unsupported, path: path,
      "how this file cuts text is not a matter of names; \(shown(preTokenizerName)) can be named for a tokenizer.json")
  }

  /// Whether the folder has a vocabulary at all.
  /// - Throws: `FileError` when that cannot be told.
  public static func hasVocabulary(_ folder: String) throws(FileError) -> Bool {
    for file in vocabularyFiles where try FileSystem.hasFile(FileSystem.join(folder, file.name)) { return true }
    return try MergesFileLoader.hasFiles(in: folder)
  }

  /// Loads `tokenizer.json`, or else `tekken.json`, or else `tokenizer.model`, or else `vocab.json` and `merges.txt`, with what the configuration files beside it say.
  /// - Parameters:
  ///   - folder: the checkpoint's folder.
  ///   - vocabularySize: rows of the embedding. Ids without a token up to there become `[PADn]`, unused.
  ///   - preTokenizer: a name of `PreTokenizer` for how text is cut, in place of what the file says.
  /// - Throws: `FileError` with the file, the key, what was found there and what is supported.
  public static func load(
    _ folder: String, vocabularySize: Int? = nil, preTokenizer: String? = nil
  ) throws(FileError) -> LoadedTokenizer {
    let older = try MergesFileLoader.hasFiles(in: folder) ? [olderFile] : []
    for file in vocabularyFiles + older {
      let path = FileSystem.join(folder, file.name)
      guard try FileSystem.hasFile(path) else { continue }
      return try file.load(
        path, try InputFile.document(of: path), try FolderSettings(folder: folder), vocabularySize, preTokenizer)
    }
    let names = vocabularyFiles.map(\.name).joined(separator: " nor ")
    throw FileError(.missing, path: folder, "there is no tokenizer: neither \(names) is in the folder")
  }

  /// Loads that file, which need not be the one that counts in its folder, with what the configuration files beside it
  /// say. A `tekken.json` may have a date in its name, other files any name with the right ending. Of a file that holds
  /// settings and no vocabulary, the folder is loaded.
  public static func load(
    file path: String, vocabularySize: Int? = nil, preTokenizer: String? = nil
  ) throws(FileError) -> LoadedTokenizer {
    let name = FileSystem.lastComponent(path)
    let folder = FileSystem.parent(path)
    let named = TekkenFile.isNamed(name) ? TekkenFile.name : name
    if FolderSettings.names.contains(name) {
      return try load(folder, vocabularySize: vocabularySize, preTokenizer: preTokenizer)
    }
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
      path, try InputFile.contents(of: path), try FolderSettings(folder: folder), vocabularySize, preTokenizer)
  }

  /// The same of files in memory, by name. Chat templates in files of their own are not looked for.
  package static func load(
    _ files: [String: [UInt8]], vocabularySize: Int? = nil, preTokenizer: String? = nil
  ) throws(FileError) -> LoadedTokenizer {
    for file in vocabularyFiles {
      guard let bytes = files[file.name] else { continue }
      let settings = try FolderSettings(folder: "folder") { files[$0] }
      return try file.load(file.name, bytes, settings, vocabularySize, preTokenizer)
    }
    throw FileError(.missing, path: "folder", "there is no tokenizer")
  }
}
