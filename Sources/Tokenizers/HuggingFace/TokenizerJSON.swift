internal import Bytes
internal import JSON

/// A `tokenizer.json` as Hugging Face's `tokenizers` library writes it: the vocabulary in arrays, the small parts as
/// JSON. Reading it decides nothing about what it means.
struct TokenizerJSON {
  let path: String
  /// Tokens of the model and their ids, in the file's order.
  var vocabulary: [(token: String, id: Int)] = []
  /// Merges in order of their rank.
  var merges: [(left: String, right: String)] = []
  private(set) var addedTokens: [JSONValue] = []
  private(set) var normalizer: JSONValue = .null
  private(set) var preTokenizer: JSONValue = .null
  private(set) var postProcessor: JSONValue = .null
  private(set) var decoder: JSONValue = .null
  /// Members that say nothing about the ids of a text.
  private(set) var others: [String: JSONValue] = [:]
  /// Members of `model` other than its vocabulary and merges.
  private(set) var model: [String: JSONValue] = [:]

  /// Everything but the lists of tokens and merges.
  var withoutVocabulary: JSONValue {
    var members = others
    members["normalizer"] = normalizer
    members["pre_tokenizer"] = preTokenizer
    members["post_processor"] = postProcessor
    members["decoder"] = decoder
    members["added_tokens"] = .array(addedTokens)
    members["model"] = .object(model)
    return .object(members)
  }

  /// Whether any part of the pipeline is `ByteLevel`.
  var mentionsBytes: Bool {
    func mentions(_ value: JSONValue) -> Bool {
      switch value {
      case .string(let text): text == "ByteLevel"
      case .array(let parts): parts.contains(where: mentions)
      case .object(let members): members.values.contains(where: mentions)
      default: false
      }
    }
    return [normalizer, preTokenizer, postProcessor, decoder].contains(where: mentions)
  }

  /// - Throws: `FileError` for a document that is no `tokenizer.json`, and for a kind of model that is not read here.
  init(_ bytes: [UInt8], path: String) throws(FileError) {
    self.path = path
    var places = Places()
    do throws(JSONError) {
      try read(bytes, &places)
    } catch {
      throw FileError(error, path: path)
    }
    guard places.hasModel else {
      throw FileError(.missing, path: path, subject: "model", "the tokenizer has no model")
    }

    // Older files do not name the kind; only byte-pair encoding has merges.
    let kind = model["type"]?.string ?? (places.merges != nil ? "BPE" : "of an unnamed kind")
    guard kind == "BPE" else {
      throw FileError(
        .unsupported, path: path, subject: "model.type", "the tokenizer's model is \(shown(kind)); BPE is supported")
    }
    guard let vocabularyStart = places.vocabulary else {
      throw FileError(.missing, path: path, subject: "model.vocab", "the tokenizer has no vocabulary")
    }
    do throws(JSONError) {
      try readVocabulary(bytes, at: vocabularyStart)
    } catch {
      throw FileError(error, path: path, subject: "model.vocab")
    }
    guard let mergesStart = places.merges else { return }
    do throws(JSONError) {
      try readMerges(bytes, at: mergesStart)
    } catch {
      throw FileError(error, path: path, subject: "model.merges")
    }
  }

  /// Of the two files that older tokenizers over bytes have.
  /// - Parameters:
  ///   - vocabulary: `vocab.json`, an object of ids.
  ///   - merges: `merges.txt`, a line for each after one with the version.
  ///   - cut: `pre_tokenizer` of a `tokenizer.json` that means the same.
  init(
    vocabulary bytes: [UInt8], merges lines: [UInt8], cut: JSONValue, normalizer: JSONValue, path: String,
    mergesPath: String
  ) throws(FileError) {
    self.path = path
    self.normalizer = normalizer
    preTokenizer = cut
    decoder = ["type": "ByteLevel"]
    model = ["type": "BPE"]
    do throws(JSONError) {
      try readVocabulary(bytes, at: 0)
    } catch {
      throw FileError(error, path: path)
    }
    for (number, line) in lines.split(separator: UInt8(ascii: "\n")).enumerated() {
      if number == 0, line.starts(with: "#version".utf8) { continue }
      let text = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      guard !text.isEmpty else { continue }
      guard let pair = MergeText.pair(String(decoding: text, as: UTF8.self)) else {
        throw FileError(
          .malformed, path: mergesPath,
          "line \(number + 1), \(shown(String(decoding: text, as: UTF8.self))), is not two tokens with a space between")
      }
      merges.append(pair)
    }
  }

  /// Where in the document the long parts of the model begin. They are read when it is certain what they are.
  private struct Places {
    var hasModel = false
    var vocabulary: Int?
    var merges: Int?
  }

  private mutating func read(_ bytes: [UInt8], _ places: inout Places) throws(JSONError) {
    var reader = JSONReader(bytes)
    guard try reader.peek() == .object else {
      throw JSONError("a tokenizer is a JSON object", offset: reader.offset)
    }
    try reader.beginObject()
    while let key = try reader.nextKey() {
      switch key {
      case "normalizer": normalizer = try JSONValue(&reader)
      case "pre_tokenizer": preTokenizer = try JSONValue(&reader)
      case "post_processor": postProcessor = try JSONValue(&reader)
      case "decoder": decoder = try JSONValue(&reader)
      case "added_tokens": addedTokens = try JSONValue(&reader).array ?? []
      case "model":
        places.hasModel = true
        try readModel(&reader, &places)
      default: others[key] = try JSONValue(&reader)
      }
    }
    try reader.finish()
  }

  private mutating func readModel(_ reader: inout JSONReader, _ places: inout Places) throws(JSONError) {
    try reader.beginObject()
    while let key = try reader.nextKey() {
      switch key {
      case "vocab":
        places.vocabulary = reader.offset
        try reader.skipValue()
      case "merges":
        places.merges = reader.offset
        try reader.skipValue()
      default: model[key] = try JSONValue(&reader)
      }
    }
  }

  private mutating func readVocabulary(_ bytes: [UInt8], at offset: Int) throws(JSONError) {
    var reader = JSONReader(bytes, at: offset)
    try reader.beginObject()
    while let token = try reader.nextKey() { vocabulary.append((token, try reader.readInteger())) }
  }

  private mutating func readMerges(_ bytes: [UInt8], at offset: Int) throws(JSONError) {
    var reader = JSONReader(bytes, at: offset)
    try reader.beginArray()
    while try reader.nextElement() {
      let isText = try reader.peek() == .string
      let start = reader.offset
      if isText {
        let text = try reader.readString()
        guard let pair = MergeText.pair(text) else {
          throw JSONError("\(shown(text)) is not two tokens with a space between", offset: start)
        }
        merges.append(pair)
      } else {
        var parts: [String] = []
        try reader.beginArray()
        while try reader.nextElement() { parts.append(try reader.readString()) }
        guard parts.count == 2 else {
          throw JSONError("a merge joins two tokens, not \(parts.count)", offset: start)
        }
        merges.append((parts[0], parts[1]))
      }
    }
  }
}

extension FileError {
  /// What is wrong with a file that is a JSON document.
  init(_ error: JSONError, path: String, subject: String? = nil) {
    self.init(.malformed, path: path, subject: subject, offset: error.offset, error.message)
  }
}
