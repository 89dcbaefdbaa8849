internal import Bytes
internal import Conversion
internal import FuzzSupport
internal import GGUF
internal import Tensors
internal import Tokenizers

extension ModelsTargets {
  static let tokenizerJSON = FuzzTarget(
    "tokenizer-json", seeds: ["Tests/Fixtures/TinyLlama/tokenizer.json", "Tests/Fuzz/Seeds/tokenizer-json"]
  ) { bytes in
    try use(TokenizerFolder.load(["tokenizer.json": bytes]), text: bytes)
  }

  static let tokenizerModel = FuzzTarget("tokenizer-model", seeds: ["Tests/Fuzz/Seeds/tokenizer-model"]) { bytes in
    try use(TokenizerFolder.load(["tokenizer.model": bytes]), text: bytes)
  }

  static let tekken = FuzzTarget("tekken", seeds: ["Tests/Fuzz/Seeds/tekken"]) { bytes in
    let loaded = try TokenizerFolder.load(["tekken.json": bytes])
    try use(loaded, text: bytes)
    let files = try FuzzFinding.ifThrows("cannot be written") { try loaded.vocabulary.huggingFaceFiles(path: "input") }
    let again = try FuzzFinding.ifThrows("cannot be read again") {
      try TokenizerFolder.load(Dictionary(files.map { ($0.name, $0.bytes) }, uniquingKeysWith: { first, _ in first }))
    }
    try FuzzFinding.unless(again.vocabulary.tokens == loaded.vocabulary.tokens, "has other tokens when read again")
  }

  /// One document in the place of each of the settings beside a small vocabulary.
  static let tokenizerSettings = FuzzTarget(
    "tokenizer-settings",
    seeds: [
      "Tests/Fixtures/TinyLlama/tokenizer_config.json", "Tests/Fixtures/TinyLlama/special_tokens_map.json",
      "Tests/Fixtures/TinyLlama/generation_config.json",
    ]
  ) { bytes in
    var files = ["tokenizer.json": smallVocabulary]
    for name in [
      "tokenizer_config.json", "special_tokens_map.json", "config.json", "generation_config.json", "chat_template.json",
    ] {
      files[name] = bytes
    }
    try use(TokenizerFolder.load(files), text: bytes)
  }

  static let ggufVocabulary = FuzzTarget(
    "gguf-vocabulary", seeds: ["Tests/Fuzz/Seeds/gguf-vocabulary", "Formats/GGUF/Fixtures/valid"]
  ) { bytes in
    let metadata = try GGUFFile(InputBytes(bytes)).metadata
    guard let vocabulary = try VocabularyMetadata.vocabulary(in: metadata) else { return }
    var written = GGUFMetadata()
    for (key, value) in VocabularyMetadata.entries(for: vocabulary) { written[key] = value }
    let again = try FuzzFinding.ifThrows("cannot be read again") { try VocabularyMetadata.vocabulary(in: written) }
    // NaN is not itself.
    if vocabulary.scores?.contains(where: \.isNaN) != true {
      try FuzzFinding.unless(again == vocabulary, "the vocabulary is another when read again")
    }
    try use(Tokenizer(vocabulary, path: "input"), text: bytes)
    _ = vocabulary.huggingFaceFiles(kept: VocabularyMetadata.kept(in: metadata), path: "input")
    let files = try vocabulary.huggingFaceFiles(path: "input")
    _ = try TokenizerFolder.load(
      Dictionary(files.map { ($0.name, $0.bytes) }, uniquingKeysWith: { first, _ in first }))
  }

  private static func use(_ loaded: LoadedTokenizer, text: [UInt8]) throws {
    try use(loaded.tokenizer, text: text)
    // What GGUF has no words for is refused.
    if let tokenizer = try? Tokenizer(loaded.vocabulary, path: "input") { try use(tokenizer, text: text) }
  }

  private static func use(_ tokenizer: Tokenizer, text: [UInt8]) throws(FuzzFinding) {
    for parsesSpecial in [false, true] {
      let ids = tokenizer.encode(utf8: Array(text.suffix(1024)), parseSpecial: parsesSpecial)
      let range = 0..<Int32(tokenizer.vocabularySize)
      try FuzzFinding.unless(ids.allSatisfy(range.contains), "there are ids outside the vocabulary")
      _ = tokenizer.decode(ids, skipSpecial: parsesSpecial)
    }
  }

  private static let smallVocabulary = Array(
    """
    {"added_tokens": [{"id": 6, "content": "<s>", "special": true}, {"id": 7, "content": "</s>", "special": true}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}, "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "\\u0120": 2, "ab": 3, "\\u0120a": 4, "\\u0120ab": 5},
    "merges": ["a b", "\\u0120 a", "\\u0120 ab"]}}
    """.utf8)
}
