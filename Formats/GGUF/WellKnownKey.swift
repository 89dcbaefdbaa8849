internal import Bytes
internal import Tensors

/// Keys whose type is checked when a file is opened, because everything that reads a model relies on them.
struct WellKnownKey: Sendable {
  let key: String
  /// What the key has to be, as messages say it.
  let expected: String
  let isValid: @Sendable (MetadataValue) -> Bool

  static let alignment = "general.alignment"
  static let splitNumber = "split.no"
  static let splitCount = "split.count"
  static let splitTensorCount = "split.tensors.count"
  /// Which part of a job a file is; named as a shard would be, it is a file by itself all the same.
  static let part = "decant.part"

  static let all = [
    string("general.architecture"),
    string("general.type"),
    unsigned("general.quantization_version"),
    unsigned("general.file_type"),
    WellKnownKey(key: alignment, expected: "a u32") { if case .uint32 = $0 { true } else { false } },
    unsigned(splitNumber),
    unsigned(splitCount),
    unsigned(splitTensorCount),
    string("tokenizer.ggml.model"),
    string("tokenizer.ggml.pre"),
    WellKnownKey(key: "tokenizer.ggml.tokens", expected: "an array of strings") { $0.isStrings },
    WellKnownKey(key: "tokenizer.ggml.merges", expected: "an array of strings") { $0.isStrings },
    WellKnownKey(key: "tokenizer.ggml.scores", expected: "an array of f32") {
      if case .float32s = $0 { true } else { false }
    },
    WellKnownKey(key: "tokenizer.ggml.token_type", expected: "an array of i32 or u32") {
      switch $0 {
      case .int32s, .uint32s: true
      default: false
      }
    },
    unsigned("tokenizer.ggml.bos_token_id"),
    unsigned("tokenizer.ggml.eos_token_id"),
    unsigned("tokenizer.ggml.unknown_token_id"),
    unsigned("tokenizer.ggml.padding_token_id"),
    string("tokenizer.chat_template"),
  ]

  static let byKey = Dictionary(uniqueKeysWithValues: all.map { ($0.key, $0) })

  private static func string(_ key: String) -> WellKnownKey {
    WellKnownKey(key: key, expected: "a UTF-8 string") { $0.string != nil }
  }

  private static func unsigned(_ key: String) -> WellKnownKey {
    WellKnownKey(key: key, expected: "an integer of 0 or more") { $0.unsigned != nil }
  }
}

extension MetadataValue {
  fileprivate var isStrings: Bool {
    switch self {
    case .strings, .rawStrings: true
    default: false
    }
  }
}
