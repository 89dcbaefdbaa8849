internal import JSON

/// A `tokenizer.json` that is written: the long parts in order, and every key by its own bytes, since tokens may differ
/// only in how a character is composed.
struct TokenizerDocument {
  /// Members beside `added_tokens` and `model`.
  var parts: [String: JSONValue]
  var addedTokens: [JSONValue]
  /// Members of `model` beside its vocabulary and merges.
  var model: [String: JSONValue]
  var vocabulary: [(token: String, id: Int)]
  var merges: [(left: String, right: String)]

  /// The members that the tokenizers library writes, in its order.
  private static let order = [
    "version", "truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder",
  ]
  private static let modelOrder = [
    "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback",
    "ignore_merges",
  ]

  func serialized() throws(JSONError) -> [UInt8] {
    var text = JSONWriter()
    // What stands around a token takes some twenty bytes.
    text.reserveCapacity(
      vocabulary.reduce(0) { $0 + $1.token.utf8.count + 24 }
        + merges.reduce(0) { $0 + $1.left.utf8.count + $1.right.utf8.count + 24 })
    text.write(raw: "{\n")
    for (key, value) in Self.ordered(parts, Self.order) { try Self.write(key, value, to: &text, indentation: "  ") }
    text.write(raw: "  \"added_tokens\": [")
    try Self.writeList(addedTokens, to: &text, indentation: "    ") { text, token throws(JSONError) in
      try Self.write(token, to: &text)
    }
    text.write(raw: "  ],\n  \"model\": {\n")
    for (key, value) in Self.ordered(model, Self.modelOrder) {
      try Self.write(key, value, to: &text, indentation: "    ")
    }
    text.write(raw: "    \"vocab\": {")
    try Self.writeList(vocabulary, to: &text, indentation: "      ") { text, entry throws(JSONError) in
      text.write(entry.token)
      text.write(raw: ": \(entry.id)")
    }
    text.write(raw: "    },\n    \"merges\": [")
    try Self.writeList(merges, to: &text, indentation: "      ") { text, merge throws(JSONError) in
      text.write(raw: "[")
      text.write(merge.left)
      text.write(raw: ", ")
      text.write(merge.right)
      text.write(raw: "]")
    }
    text.write(raw: "    ]\n  }\n}\n")
    return text.bytes
  }

  /// The members of `order`, null where there are none, and after them the others by name.
  private static func ordered(_ members: [String: JSONValue], _ order: [String]) -> [(String, JSONValue)] {
    order.map { ($0, members[$0] ?? .null) }
      + members.filter { !order.contains($0.key) }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private static func write(_ key: String, _ value: JSONValue, to text: inout JSONWriter, indentation: String)
    throws(JSONError)
  {
    text.write(raw: indentation)
    text.write(key)
    text.write(raw: ": ")
    try write(value, to: &text)
    text.write(raw: ",\n")
  }

  private static func write(_ value: JSONValue, to text: inout JSONWriter) throws(JSONError) {
    text.write(raw: String(decoding: try value.serialized(pretty: false), as: UTF8.self))
  }

  /// Elements with commas between, each on a line.
  private static func writeList<Element>(
    _ elements: [Element], to text: inout JSONWriter, indentation: String,
    _ body: (inout JSONWriter, Element) throws(JSONError) -> Void
  ) throws(JSONError) {
    var isFirst = true
    for element in elements {
      text.write(raw: (isFirst ? "\n" : ",\n") + indentation)
      isFirst = false
      try body(&text, element)
    }
    text.write(raw: "\n")
  }
}
