import Bytes
import Conversion
import TestSupport
import Testing
import Tokenizers

@testable import Architectures

private let fixtures = Fixtures(of: "HuggingFace")

/// Every hostile folder gives its own error: the file, the tensor or key, and what is said of it.
@Suite struct HostileFolderTests {
  /// 9 of `HF-9-id-twice`.
  private static func number(of expected: RefusedFixture) -> Int {
    expected.name.split(separator: "-").dropFirst().first.flatMap { Int($0) } ?? 0
  }

  /// Opens a folder of a kind; which it is follows from the rule.
  private static func open(_ path: String, rule: Int) throws {
    switch rule {
    case 1...7:
      let checkpoint = try Checkpoint(path: path)
      // What is wrong with RoPE, or a family that is not known, concerns those alone that need it.
      let model = try #require(try checkpoint.requireModel() as? DecoderModel)
      for layer in model.decoder.layerKinds { try layer.attention.rotation?.embedding.checkUnderstood() }
      try checkpoint.checkTensors()
    case 8...14:
      _ = try TokenizerFolder.load(path)
    default:
      _ = try Checkpoint(path: fixtures.path("valid/model")).adding(try Adapter(path: path))
    }
  }

  @Test(arguments: expectations)
  func isRefused(_ expected: RefusedFixture) throws {
    let path = fixtures.path("hostile/" + expected.name)
    let error = try #require(throws: FileError.self) { try Self.open(path, rule: Self.number(of: expected)) }
    #expect(error.code == expected.code, "\(error)")
    #expect(error.path == (expected.file.isEmpty ? path : path + "/" + expected.file), "\(error)")
    #expect(error.subject == expected.subject, "\(error)")
    #expect(error.message.contains(expected.message), "\(error)")
    // Whatever the file says, a message is one line that leaves a terminal alone.
    let forbidden: Set<Unicode.GeneralCategory> = [.control, .format, .lineSeparator, .paragraphSeparator]
    #expect(!error.description.unicodeScalars.contains { forbidden.contains($0.properties.generalCategory) })
  }

  @Test func everyFolderIsExpected() {
    #expect(Self.expectations.map(\.name).sorted() == fixtures.names(in: "hostile"))
    #expect(Set(Self.expectations.map(Self.number)) == Set(1...18))
  }

  /// What the hostile ones were made from is in order.
  @Test(arguments: [("model", 7), ("tokenizer", 8), ("sentencepiece", 14), ("adapter", 15)])
  func theUnspoiltOpen(name: String, rule: Int) throws {
    try Self.open(fixtures.path("valid/" + name), rule: rule)
  }

  /// A vocabulary that has fewer rows than ids, and one with more rows than any has.
  @Test(arguments: [(2, "the embedding has 2 rows"), (1 << 24, "at most 1048576 rows without a token are supported")])
  func rowsThatDoNotFit(rows: Int, message: String) throws {
    let path = fixtures.path("valid/tokenizer")
    let error = try #require(throws: FileError.self) { try TokenizerFolder.load(path, vocabularySize: rows) }
    #expect(error.message.contains(message) || error.message.contains("ids here are below 2"), "\(error)")
  }

  private static let expectations: [RefusedFixture] = [
    RefusedFixture("HF-1-config-comment", .malformed, "config.json", nil, "a comma or '}' is wanted, not '/'"),
    RefusedFixture("HF-1-config-cut", .malformed, "config.json", nil, "the document ends inside a string"),
    RefusedFixture("HF-1-config-deep", .malformed, "config.json", nil, "more than 128 arrays and objects are nested"),
    RefusedFixture("HF-1-config-empty", .truncated, "config.json", nil, "is empty; was it downloaded whole?"),
    RefusedFixture(
      "HF-1-config-marks", .malformed, "config.json", nil, "a character of a string has more than 30 marks"),
    RefusedFixture("HF-1-config-not-utf8", .malformed, "config.json", nil, "a string is not valid UTF-8"),
    RefusedFixture("HF-1-config-number-too-large", .malformed, "config.json", nil, "a number is too large"),
    RefusedFixture(
      "HF-1-config-two-documents", .malformed, "config.json", nil, "the end of the document is wanted, not '{'"),
    RefusedFixture("HF-10-numbers", .malformed, "tokenizer.json", "model.merges", "a string is wanted, not '0'"),
    RefusedFixture(
      "HF-10-one-part", .malformed, "tokenizer.json", "model.merges", "\"ab\" is not two tokens with a space between"),
    RefusedFixture(
      "HF-10-part-unknown", .malformed, "tokenizer.json", "model.merges",
      "merge 0 joins \"a\" and \"c\", but the vocabulary has no token \"c\""),
    RefusedFixture(
      "HF-10-result-unknown", .malformed, "tokenizer.json", "model.merges",
      "merge 0 joins \"b\" and \"a\", but the vocabulary has no token \"ba\""),
    RefusedFixture(
      "HF-10-three-parts", .malformed, "tokenizer.json", "model.merges", "a merge joins two tokens, not 3"),
    RefusedFixture("HF-11-id-2pow32", .malformed, "tokenizer.json", "added_tokens", "4294967296 is not a token id"),
    RefusedFixture("HF-11-id-negative", .malformed, "tokenizer.json", "added_tokens", "-5 is not a token id"),
    RefusedFixture(
      "HF-11-id-taken", .malformed, "tokenizer.json", "added_tokens", "tokens \"b\" and \"x\" have the same id 1"),
    RefusedFixture(
      "HF-11-no-content", .malformed, "tokenizer.json", "added_tokens", "the token with id 5 has no content"),
    RefusedFixture("HF-11-no-id", .malformed, "tokenizer.json", "added_tokens", "an added token has no id"),
    RefusedFixture(
      "HF-11-too-long", .unsupported, "tokenizer.json", "added_tokens",
      "the token with id 5 has 1025 bytes; at most 1024 are supported"),
    RefusedFixture(
      "HF-12-expression", .unsupported, "tokenizer.json", "pre_tokenizer",
      "the expression \"(a*)*b\" cuts text is not known here"
    ),
    RefusedFixture(
      "HF-12-normalizer", .unsupported, "tokenizer.json", "normalizer", "\"Precompiled\" is not known here"),
    RefusedFixture(
      "HF-12-post-processor-token", .malformed, "tokenizer.json", "post_processor", "\"<s>\" is not in the vocabulary"),
    RefusedFixture(
      "HF-12-pre-tokenizer", .unsupported, "tokenizer.json", "pre_tokenizer", "\"Whitespace\" is not known here"),
    RefusedFixture(
      "HF-12-sequences-deep", .malformed, "tokenizer.json", nil, "more than 128 arrays and objects are nested"),
    RefusedFixture("HF-13-added-tokens-string", .malformed, "added_tokens.json", "x", "the value is not a token id"),
    RefusedFixture(
      "HF-13-decoder-key", .malformed, "tokenizer_config.json", "added_tokens_decoder", "\"one\" is not a token id"),
    RefusedFixture(
      "HF-13-generation-config-not-utf8", .malformed, "generation_config.json", nil, "a string is not valid UTF-8"),
    RefusedFixture(
      "HF-13-template-without-name", .malformed, "tokenizer_config.json", "chat_template",
      "an entry of the list has no name or no template"),
    RefusedFixture(
      "HF-13-tokenizer-config-cut", .malformed, "tokenizer_config.json", nil,
      "a comma or '}' is wanted, but the document ends"),
    RefusedFixture("HF-14-cut", .malformed, "tokenizer.model", nil, "is not a SentencePiece model: truncated"),
    RefusedFixture("HF-14-empty", .truncated, "tokenizer.model", nil, "is empty; was it downloaded whole?"),
    RefusedFixture(
      "HF-14-length-past-end", .malformed, "tokenizer.model", nil, "is not a SentencePiece model: malformedProtobuf"),
    RefusedFixture("HF-14-marks", .malformed, "tokenizer.model", nil, "a character of a piece has more than 30 marks"),
    RefusedFixture(
      "HF-14-no-pieces", .malformed, "tokenizer.model", nil, "is not a SentencePiece model: it has no pieces"),
    RefusedFixture(
      "HF-14-ranks", .unsupported, "tokenizer.model", nil,
      "is a list of ranks as tiktoken reads it, not a SentencePiece model; a tokenizer.json beside it would be read"),
    RefusedFixture("HF-14-text", .malformed, "tokenizer.model", nil, "is not a SentencePiece model: malformedProtobuf"),
    RefusedFixture(
      "HF-14-unigram", .unsupported, "tokenizer.model", "trainer_spec.model_type",
      "the model is Unigram; BPE is supported"),
    RefusedFixture("HF-15-alpha-1e999", .malformed, "adapter_config.json", nil, "a number is too large"),
    RefusedFixture("HF-15-alpha-nan", .malformed, "adapter_config.json", nil, "a value is wanted, not 'N'"),
    RefusedFixture("HF-15-flag-string", .malformed, "adapter_config.json", "use_rslora", "is neither true nor false"),
    RefusedFixture(
      "HF-15-layer-replication", .unsupported, "adapter_config.json", "layer_replication",
      "repeats layers of the model"),
    RefusedFixture("HF-15-no-rank", .malformed, "adapter_config.json", "r", "is not a positive whole number"),
    RefusedFixture("HF-15-not-json", .malformed, "adapter_config.json", nil, "a key is wanted, but the document ends"),
    RefusedFixture(
      "HF-15-other-kind", .unsupported, "adapter_config.json", "peft_type", "IA3 is not supported; LORA is"),
    RefusedFixture("HF-15-rank-0", .malformed, "adapter_config.json", "r", "is not a positive whole number"),
    RefusedFixture("HF-15-rank-negative", .malformed, "adapter_config.json", "r", "is not a positive whole number"),
    RefusedFixture("HF-15-rank-string", .malformed, "adapter_config.json", "r", "is not a positive whole number"),
    RefusedFixture(
      "HF-16-alpha-string", .malformed, "adapter_config.json", "alpha_pattern",
      "q_proj is not a number within the range"),
    RefusedFixture(
      "HF-16-no-expression", .malformed, "adapter_config.json", "rank_pattern", "\"(\" does not close a group"),
    RefusedFixture("HF-16-rank-fraction", .malformed, "adapter_config.json", "rank_pattern", "1.5 is not a rank"),
    RefusedFixture(
      "HF-16-repeated-group", .malformed, "adapter_config.json", "rank_pattern", "\"(a*)*b\" repeats a group"),
    RefusedFixture("HF-16-settings", .malformed, "adapter_config.json", "alpha_pattern", "has settings"),
    RefusedFixture("HF-16-too-long", .malformed, "adapter_config.json", "alpha_pattern", "is longer than 256 bytes"),
    RefusedFixture(
      "HF-16-too-many", .malformed, "adapter_config.json", "alpha_pattern", "has more than 64 regular expressions"),
    RefusedFixture("HF-16-white-space", .malformed, "adapter_config.json", "alpha_pattern", "has a space"),
    RefusedFixture(
      "HF-17-half-a-pair", .mismatch, "", "model.layers.0.self_attn.q_proj",
      "has only one of the factors lora_A and lora_B"),
    RefusedFixture(
      "HF-17-infinite", .malformed, "adapter_model.safetensors",
      "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", "element 0 is NaN or infinite"),
    RefusedFixture(
      "HF-17-name-twice", .malformed, "adapter_model.safetensors",
      "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight", "is in the adapter twice"),
    RefusedFixture(
      "HF-17-name-unknown", .unsupported, "adapter_model.safetensors",
      "base_model.model.model.layers.0.self_attn.q_proj.lora_C.weights", "is not part of a LoRA adapter that is known"),
    RefusedFixture(
      "HF-17-nan", .malformed, "adapter_model.safetensors",
      "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", "element 0 is NaN or infinite"),
    RefusedFixture(
      "HF-18-columns", .mismatch, "", "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
      "has shape [2, 7], but [2, 8] is expected for rank 2 on a base weight of shape [8, 8]"),
    RefusedFixture(
      "HF-18-magnitudes", .mismatch, "", "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
      "has shape [7], but [8] is expected for rank 2 on a base weight of shape [8, 8]"),
    RefusedFixture(
      "HF-18-no-such-layer", .mismatch, "", "base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight",
      "the model has no tensor model.layers.7.self_attn.q_proj.weight; the adapter was trained on another model"),
    RefusedFixture(
      "HF-18-rank", .mismatch, "", "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
      "has rank 2, but adapter_config.json says 4"),
    RefusedFixture(
      "HF-18-rows", .mismatch, "", "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight",
      "has shape [9, 2], but [8, 2] is expected for rank 2 on a base weight of shape [8, 8]"),
    RefusedFixture(
      "HF-2-architecture-unknown", .unsupported, "config.json", "architectures",
      "EvilForCausalLM is not a class of models that is known"),
    RefusedFixture(
      "HF-2-architectures-string", .unsupported, "config.json", "architectures", "names no class of models"
    ),
    RefusedFixture("HF-2-list", .unsupported, "config.json", "architectures", "names no class of models"),
    RefusedFixture(
      "HF-2-no-architectures", .unsupported, "config.json", "architectures", "names no class of models"),
    RefusedFixture(
      "HF-3-context-true", .malformed, "config.json", "max_position_embeddings",
      "is not a whole number between 1 and 2147483648"),
    RefusedFixture(
      "HF-3-heads-0", .malformed, "config.json", "num_attention_heads", "is not a whole number between 1 and 65536"
    ),
    RefusedFixture(
      "HF-3-hidden-size-0", .malformed, "config.json", "hidden_size", "is not a whole number between 1 and 2147483648"),
    RefusedFixture(
      "HF-3-hidden-size-2pow62", .malformed, "config.json", "hidden_size",
      "is not a whole number between 1 and 2147483648"
    ),
    RefusedFixture(
      "HF-3-hidden-size-2pow64", .malformed, "config.json", "hidden_size",
      "is not a whole number between 1 and 2147483648"
    ),
    RefusedFixture(
      "HF-3-hidden-size-fraction", .malformed, "config.json", "hidden_size",
      "is not a whole number between 1 and 2147483648"),
    RefusedFixture(
      "HF-3-hidden-size-list", .malformed, "config.json", "hidden_size",
      "is not a whole number between 1 and 2147483648"),
    RefusedFixture("HF-3-hidden-size-missing", .malformed, "config.json", "hidden_size", "is missing"),
    RefusedFixture(
      "HF-3-hidden-size-negative", .malformed, "config.json", "hidden_size",
      "is not a whole number between 1 and 2147483648"),
    RefusedFixture(
      "HF-3-hidden-size-string", .malformed, "config.json", "hidden_size",
      "is not a whole number between 1 and 2147483648"
    ),
    RefusedFixture(
      "HF-3-layers-1e9", .malformed, "config.json", "num_hidden_layers", "is not a whole number between 1 and 10000"),
    RefusedFixture(
      "HF-3-layers-negative", .malformed, "config.json", "num_hidden_layers",
      "is not a whole number between 1 and 10000"),
    RefusedFixture(
      "HF-3-vocabulary-2pow40", .malformed, "config.json", "vocab_size",
      "is not a whole number between 1 and 2147483648"),
    RefusedFixture(
      "HF-4-head-odd", .malformed, "config.json", "head_dim", "a head of 3 elements cannot be rotated in pairs"),
    RefusedFixture(
      "HF-4-head-of-0", .malformed, "config.json", "head_dim", "a head of 0 elements cannot be rotated in pairs"),
    RefusedFixture(
      "HF-4-key-heads-do-not-divide", .malformed, "config.json", "num_key_value_heads",
      "does not divide the 4 attention heads"),
    RefusedFixture("HF-5-epsilon-0", .malformed, "config.json", "rms_norm_eps", "must be larger than 0"),
    RefusedFixture("HF-5-epsilon-string", .malformed, "config.json", "rms_norm_eps", "is not a finite number"),
    RefusedFixture("HF-5-factor-0", .malformed, "config.json", "rope_scaling.factor", "must be larger than 0"),
    RefusedFixture("HF-5-theta-beyond-float", .malformed, "config.json", "rope_theta", "is too large"),
    RefusedFixture("HF-5-theta-negative", .malformed, "config.json", "rope_theta", "must be larger than 0"),
    RefusedFixture("HF-6-activation", .unsupported, "config.json", "hidden_act", "gelu is not supported; silu is"),
    RefusedFixture("HF-6-activation-escape", .unsupported, "config.json", "hidden_act", "gelu is not supported"),
    RefusedFixture(
      "HF-6-rope-frequencies-reversed", .malformed, "config.json", "rope_scaling.high_freq_factor",
      "must be larger than low_freq_factor"),
    RefusedFixture("HF-6-rope-scaling-string", .malformed, "config.json", "rope_scaling", "is not an object"),
    RefusedFixture(
      "HF-6-rope-type", .unsupported, "config.json", "rope_scaling.rope_type",
      "RoPE of the kind \"ntk\" is not supported; default, dynamic, linear, llama3, longrope, proportional, yarn are"),
    RefusedFixture(
      "HF-7-fewer-tokens", .mismatch, "", "model.embed_tokens.weight",
      "has shape [4, 8], but the configuration asks for [3, 8]"),
    RefusedFixture(
      "HF-7-head-larger", .mismatch, "", "model.layers.0.self_attn.q_proj.weight",
      "has shape [8, 8], but the configuration asks for [16, 8]"),
    RefusedFixture(
      "HF-7-more-layers", .missing, "", "model.layers.1.self_attn.q_proj.weight",
      "the configuration asks for this tensor of shape [8, 8], but it is not there"),
    RefusedFixture(
      "HF-7-no-tensors", .missing, "", "model.embed_tokens.weight",
      "the configuration asks for this tensor of shape [4, 8], but it is not there"),
    RefusedFixture("HF-8-cut", .malformed, "tokenizer.json", nil, "the document ends inside a string"),
    RefusedFixture("HF-8-deep", .malformed, "tokenizer.json", nil, "more than 128 arrays and objects are nested"),
    RefusedFixture("HF-8-empty", .truncated, "tokenizer.json", nil, "is empty; was it downloaded whole?"),
    RefusedFixture("HF-8-half-surrogate", .malformed, "tokenizer.json", nil, "an escape is half a surrogate pair"),
    RefusedFixture("HF-8-list", .malformed, "tokenizer.json", nil, "a tokenizer is a JSON object"),
    RefusedFixture("HF-8-no-model", .missing, "tokenizer.json", "model", "the tokenizer has no model"),
    RefusedFixture("HF-8-no-vocabulary", .missing, "tokenizer.json", "model.vocab", "the tokenizer has no vocabulary"),
    RefusedFixture(
      "HF-8-unigram", .unsupported, "tokenizer.json", "model.type",
      "the tokenizer's model is \"Unigram\"; BPE is supported"),
    RefusedFixture("HF-8-vocabulary-list", .malformed, "tokenizer.json", "model.vocab", "an object is wanted, not '['"),
    RefusedFixture(
      "HF-9-id-2pow31", .malformed, "tokenizer.json", "model.vocab",
      "token \"b\" has the id 2147483648; ids here are below 65544"),
    RefusedFixture(
      "HF-9-id-2pow64", .malformed, "tokenizer.json", "model.vocab",
      "a whole number of at most 63 bits, written without fraction or exponent, is wanted"),
    RefusedFixture(
      "HF-9-id-fraction", .malformed, "tokenizer.json", "model.vocab",
      "a whole number of at most 63 bits, written without fraction or exponent, is wanted"),
    RefusedFixture(
      "HF-9-id-negative", .malformed, "tokenizer.json", "model.vocab",
      "token \"b\" has the id -1; ids here are below 65544"),
    RefusedFixture("HF-9-id-string", .malformed, "tokenizer.json", "model.vocab", "a number is wanted, not '\"'"),
    RefusedFixture(
      "HF-9-id-twice", .malformed, "tokenizer.json", "model.vocab", "tokens \"a\" and \"b\" have the same id 0"),
    RefusedFixture("HF-9-no-tokens", .missing, "tokenizer.json", nil, "the vocabulary has no tokens"),
  ]
}
