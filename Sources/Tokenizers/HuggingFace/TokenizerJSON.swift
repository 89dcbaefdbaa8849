internal import Bytes
internal import JSON

/// A `tokenizer.json` as Hugging Face's `tokenizers` library writes it: the vocabulary in arrays, the small parts as
/// JSON. Reading it decides nothing about what it means.
struct TokenizerJSON {
  let path: String
  /// Tokens of the model and their ids, in the file's order.
  private(set) var vocabulary: [(token: String, id: Int)] = []
  /// Merges in order of their rank.
  private(set) var merges: [(left: String, right: String)] = []
  private(set) var addedTokens: [JSONValue] = []
  private(set) var normalizer: JSONValue = .null
  private(set) var preTokenizer: JSONValue = .null
  private(set) var postProcessor: JSONValue = .null
  private(set) var decoder: JSONValue = .null
  /// Members of `model` other than its vocabulary and merges.
  private(set) var model: [String: JSONValue] = [:]

  /// - Throws: `FileError` for a document that is no `tokenizer.json`, and for a kind of model that is not read here.
  init(_ bytes: [UInt8], path: String) throws(FileError) {
    self.path = path
    var reader = JSONReader(bytes, path: path)
    var vocabularyStart: Int?
    var mergesStart: Int?
    var hasModel = false
    guard try reader.peek() == UInt8(ascii: "{") else { throw reader.malformed("a tokenizer is a JSON object") }
    try reader.object { reader, key throws(FileError) in
      switch key {
      case "normalizer": normalizer = try reader.value()
      case "pre_tokenizer": preTokenizer = try reader.value()
      case "post_processor": postProcessor = try reader.value()
      case "decoder": decoder = try reader.value()
      case "added_tokens": addedTokens = try reader.value().array ?? []
      case "model":
        hasModel = true
        try reader.object { reader, key throws(FileError) in
          switch key {
          case "vocab":
            _ = try reader.peek()
            vocabularyStart = reader.position
            try reader.skip()
          case "merges":
            _ = try reader.peek()
            mergesStart = reader.position
            try reader.skip()
          default: model[key] = try reader.value()
          }
        }
      default: try reader.skip()
      }
    }
    try reader.end()
    guard hasModel else { throw FileError(.missing, path: path, subject: "model", "the tokenizer has no model") }

    // Older files do not name the kind; only byte-pair encoding has merges.
    let kind = model["type"]?.string ?? (mergesStart != nil ? "BPE" : "of an unnamed kind")
    guard kind == "BPE" else {
      throw FileError(
        .unsupported, path: path, subject: "model.type", "the tokenizer's model is \(shown(kind)); BPE is supported")
    }
    guard let vocabularyStart else {
      throw FileError(.missing, path: path, subject: "model.vocab", "the tokenizer has no vocabulary")
    }
    reader.position = vocabularyStart
    try reader.object { reader, token throws(FileError) in
      vocabulary.append((token, try reader.integer()))
    }
    guard let mergesStart else { return }
    reader.position = mergesStart
    try reader.array { reader throws(FileError) in
      if try reader.peek() == UInt8(ascii: "\"") {
        let text = try reader.string()
        guard let pair = MergeText.pair(text) else {
          throw FileError(
            .malformed, path: path, subject: "model.merges", offset: reader.position,
            "\(shown(text)) is not two tokens with a space between")
        }
        merges.append(pair)
      } else {
        var parts: [String] = []
        try reader.array { reader throws(FileError) in parts.append(try reader.string()) }
        guard parts.count == 2 else {
          throw FileError(
            .malformed, path: path, subject: "model.merges", offset: reader.position,
            "a merge joins two tokens, not \(parts.count)")
        }
        merges.append((parts[0], parts[1]))
      }
    }
  }
}
