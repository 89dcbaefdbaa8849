public import Bytes
public import JSON

extension GGUFVocabulary {
  /// The vocabulary as the files of a Hugging Face folder: `tokenizer.json`, `tokenizer_config.json`,
  /// `special_tokens_map.json` and, where it was made of one, `tekken.json`, which `transformers.AutoTokenizer` opens and which give the ids that this vocabulary
  /// gives.
  ///
  /// The merges of a `llama` vocabulary are all cuts of its tokens in order of score. Every token stands in the
  /// model's vocabulary, also those that text never gives, so that ids with gaps stay what they are.
  /// - Parameter path: the file the vocabulary came from, for errors.
  /// - Throws: `FileError` for a vocabulary that `Tokenizer` refuses, or that has one text at several ids.
  public func huggingFaceFiles(path: String) throws(FileError) -> [TokenizerFile] {
    let exporter = try HuggingFaceExporter(self, path: path)
    var files = [
      TokenizerFile(name: "tokenizer.json", bytes: try exporter.tokenizer()),
      TokenizerFile(name: "tokenizer_config.json", bytes: try exporter.serialized(exporter.configuration())),
      TokenizerFile(name: "special_tokens_map.json", bytes: try exporter.serialized(exporter.specialTokens())),
    ]
    if let bytes = exporter.tekken() { files.append(TokenizerFile(name: TekkenFile.name, bytes: bytes)) }
    return files
  }

  /// What `generation_config.json` says about tokens: `bos_token_id`, `pad_token_id`, and `eos_token_id`, a list where
  /// several tokens end a text.
  public var generationConfiguration: [String: JSONValue] {
    var members: [String: JSONValue] = [:]
    members["bos_token_id"] = bosID.map { .integer(Int($0)) }
    members["pad_token_id"] = paddingID.map { .integer(Int($0)) }
    let ends = allEndIDs.map { JSONValue.integer(Int($0)) }
    members["eos_token_id"] = ends.count > 1 ? .array(ends) : ends.first
    return members
  }
}
