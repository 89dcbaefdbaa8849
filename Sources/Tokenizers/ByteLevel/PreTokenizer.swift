/// How a byte-level vocabulary's text is cut into words before merging, under the names that GGUF files have for it
/// (`tokenizer.ggml.pre`).
public struct PreTokenizer: Sendable {
  /// The names in GGUF files; the first is the one written.
  public let names: [String]
  /// Applied one after the other, each to the pieces of the one before.
  let steps: [Splitter]
  /// Whether a piece that is a token as a whole is taken without looking at merges.
  var ignoresMerges = false
  /// Whether text is brought to Unicode's form C first.
  var composes = false
  /// Whether a file that does not say begins text with the token for that.
  var addsBOS = false

  /// Every pre-tokenizer there is, as llama.cpp knows them. Where several cut alike, the first is the one written for
  /// a `tokenizer.json` with that cut.
  public static let all = [
    PreTokenizer(
      names: ["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "lfm2"],
      steps: [.llama3], ignoresMerges: true, addsBOS: true),
    PreTokenizer(names: ["tekken"], steps: [.tekken], ignoresMerges: true, addsBOS: true),
    PreTokenizer(names: ["smaug-bpe", "dbrx"], steps: [.llama3]),
    PreTokenizer(
      names: ["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez"], steps: [.qwen2], composes: true),
    PreTokenizer(
      names: [
        "gpt-2", "phi-2", "mpt", "olmo", "jais", "gigachat", "a.x-4.0", "mellum", "modern-bert", "roberta-bpe",
        "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "jina-v1-en", "jina-v2-code",
      ],
      steps: [.gpt2]),
    PreTokenizer(
      names: ["starcoder", "refact", "command-r", "smollm", "codeshell"], steps: [.singleNumbers, .gpt2]),
    PreTokenizer(names: ["falcon"], steps: [.falconPunctuation, .gpt2, .digitTriples]),
    PreTokenizer(names: ["default"], steps: [.punctuationRuns, .gpt2, .numberRuns, .digitTriples]),
  ]

  static func named(_ name: String) -> PreTokenizer? { all.first { $0.names.contains(name) } }

  /// The one that cuts with these steps, preferably with the same handling of whole tokens.
  static func cutting(with steps: [Splitter], ignoresMerges: Bool) -> PreTokenizer? {
    let names = steps.map(\.name)
    let alike = all.filter { $0.steps.map(\.name) == names }
    return alike.first { $0.ignoresMerges == ignoresMerges } ?? alike.first
  }

  /// Whether two names stand for the same.
  static func isSame(_ one: String, _ other: String) -> Bool {
    one == other || all.contains { $0.names.contains(one) && $0.names.contains(other) }
  }

  /// Hands every piece of `text[range]` to `body`, in order.
  static func split(
    _ text: Span<UInt8>, _ range: Range<Int>, by steps: ArraySlice<Splitter>, _ body: (Range<Int>) -> Void
  ) {
    guard let step = steps.first else { return body(range) }
    let rest = steps.dropFirst()
    var start = range.lowerBound
    while start < range.upperBound {
      let end = step.pieceEnd(text, start, range.upperBound)
      if rest.isEmpty { body(start..<end) } else { split(text, start..<end, by: rest, body) }
      start = end
    }
  }
}
