internal import Bytes

/// How a byte-level vocabulary's text is cut into words before merging, under the names that GGUF files have for it
/// (`tokenizer.ggml.pre`).
public struct PreTokenizer: Sendable {
  /// The names in GGUF files; the first is the one written.
  public let names: [String]
  /// Applied one after the other, each to the pieces of the one before.
  let steps: [Splitter]
  /// Other steps of a `tokenizer.json` that mean this.
  var otherSteps: [[Splitter]] = []
  /// Whether a piece that is a token as a whole is taken without looking at merges.
  var ignoresMerges = false
  /// Whether text is brought to Unicode's form C first.
  var composes = false
  /// Whether a file that does not say begins text with the token for that.
  var addsBOS = false
  /// Whether a `tokenizer.json` with this cut is called so where nothing else tells. Not so where another entry cuts alike.
  var isUsual = true

  /// Every pre-tokenizer there is, as llama.cpp knows them (`src/llama-vocab.cpp`). Where several cut alike, the first is
  /// the one written for a `tokenizer.json` with that cut, unless the kind of the model tells another.
  ///
  /// How each cuts is what the published `tokenizer.json` says: llama.cpp writes some of the expressions in words that its
  /// own matcher has.
  public static let all = [
    PreTokenizer(
      names: [
        "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano",
      ],
      steps: [.llama3], ignoresMerges: true, addsBOS: true),
    PreTokenizer(names: ["tekken"], steps: [.tekken], ignoresMerges: true, addsBOS: true),
    PreTokenizer(names: ["smaug-bpe", "dbrx"], steps: [.llama3]),
    PreTokenizer(names: ["glm4", "glm5"], steps: [.llama3], ignoresMerges: true, isUsual: false),
    PreTokenizer(names: ["chatglm-bpe"], steps: [.llama3], isUsual: false),
    PreTokenizer(names: ["jais-2"], steps: [.jais2]),
    PreTokenizer(
      names: ["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez"], steps: [.qwen2], composes: true),
    PreTokenizer(
      names: ["hunyuan", "solar-open", "grok-2", "kormo", "f2llmv2"], steps: [.qwen2], isUsual: false),
    PreTokenizer(names: ["qwen35"], steps: [.qwen3Next], composes: true),
    PreTokenizer(names: ["bailingmoe", "bailingmoe2", "llada-moe"], steps: [.bailing]),
    PreTokenizer(names: ["seed-coder"], steps: [.seedCoder]),
    PreTokenizer(names: ["ufakzeka"], steps: [.ufakzeka]),
    PreTokenizer(names: ["laguna"], steps: [.linesWithNewlinesBefore, .qwen2]),
    PreTokenizer(names: ["exaone-moe"], steps: [.exaoneMoE]),
    PreTokenizer(names: ["minicpm5"], steps: [.numberTriples, .miniCPM5], ignoresMerges: true),
    PreTokenizer(names: ["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], steps: [.o200k]),
    PreTokenizer(names: ["granite-embed-multi-97m"], steps: [.o200k], ignoresMerges: true, isUsual: false),
    PreTokenizer(names: ["tiny_aya", "cohere2moe"], steps: [.digitTriplesFromTheRight, .o200k]),
    PreTokenizer(names: ["youtu"], steps: [.youtuScripts, .youtuWords], ignoresMerges: true),
    PreTokenizer(names: ["kimi-k2"], steps: [.kimi]),
    PreTokenizer(
      names: ["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"],
      steps: [.numberTriples, .ideographs, .deepSeek3]),
    PreTokenizer(names: ["spark2_5"], steps: [.numberTriples, .ideographs, .spark, .singleNumbers]),
    PreTokenizer(names: ["afmoe"], steps: [.numbersFromTheRight, .asianScripts, .deepSeek3]),
    PreTokenizer(
      names: ["deepseek-llm"],
      steps: [.singleNewlines, .casedLetters, .fullWidthSigns, .spacesAtTheEnd, .eastAsianScripts, .singleNumbers],
      otherSteps: [
        [.singleNewlines, .casedLetters, .fullWidthSigns, .spacesAtTheEnd, .eastAsianScripts, .numberRuns]
      ]),
    PreTokenizer(
      names: ["deepseek-coder"], steps: [.singleNewlines, .letters, .signs, .eastAsianScripts, .singleNumbers]),
    PreTokenizer(
      names: [
        "gpt-2", "phi-2", "mpt", "olmo", "jais", "gigachat", "a.x-4.0", "mellum", "modern-bert", "roberta-bpe",
        "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "jina-v1-en", "jina-v2-code", "exaone4", "trillion",
        "granite-docling",
      ],
      steps: [.gpt2]),
    PreTokenizer(
      names: ["starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2"],
      steps: [.singleNumbers, .gpt2]),
    PreTokenizer(
      names: ["falcon"], steps: [.falconPunctuation, .gpt2, .digitTriples],
      otherSteps: [[.falconPunctuation, .gpt2, .numberRuns, .digitTriples]]),
    PreTokenizer(names: ["bloom", "poro-chat", "gpt3-finnish"], steps: [.bloom]),
    PreTokenizer(names: ["viking"], steps: [.bloom, .singleNumbers], otherSteps: [[.singleNumbers, .bloom]]),
    PreTokenizer(names: ["superbpe"], steps: [.numberRuns, .digitGroupsFromTheRight]),
    PreTokenizer(
      names: ["chameleon"],
      steps: [.sentinels, .images, .tabsAndIndents, .singleNumbers, .singlePunctuation, .gpt2],
      otherSteps: [[.sentinels, .images, .tabsAndIndents, .singlePunctuation, .singleNumbers, .gpt2]], addsBOS: true),
    PreTokenizer(names: ["default"], steps: [.punctuationRuns, .gpt2, .numberRuns, .digitTriples]),
  ]

  /// What llama.cpp's converter calls the cut of the published models of a kind (`model_type` of config.json), where it
  /// has several names for it. What is here counts only among names that cut alike.
  private static let usualNames = [
    "bloom": "bloom", "chatglm": "chatglm-bpe", "cohere": "command-r", "cohere2": "command-r", "dbrx": "dbrx",
    "exaone": "exaone", "exaone4": "exaone4", "falcon_h1": "falcon-h1", "glm": "glm4", "glm4": "glm4",
    "glm4_moe": "glm4", "glm4_moe_lite": "glm4", "glm_moe_dsa": "glm5", "gpt_neox": "olmo", "gpt_oss": "gpt-4o",
    "granite": "refact", "granitemoe": "refact", "granitemoehybrid": "dbrx", "hunyuan_v1_dense": "hunyuan-dense",
    "hunyuan_v1_moe": "hunyuan", "jais": "jais", "lfm2": "lfm2", "lfm2_moe": "lfm2", "llama4": "llama4",
    "llama4_text": "llama4", "mellum": "mellum2", "minimax_m2": "minimax-m2", "mpt": "mpt", "olmo": "olmo",
    "olmo2": "dbrx", "olmo3": "dbrx", "olmo_hybrid": "dbrx", "olmoe": "olmo", "phi": "phi-2", "phi3": "dbrx",
    "solar_open": "solar-open", "stablelm": "stablelm2",
  ]

  static func named(_ name: String) -> PreTokenizer? { all.first { $0.names.contains(name) } }

  /// The one that is called so.
  /// - Throws: `FileError` that lists those that are known.
  static func required(_ name: String, path: String) throws(FileError) -> PreTokenizer {
    if let known = named(name) { return known }
    throw FileError(
      .unsupported, path: path, subject: "tokenizer.ggml.pre",
      "how \(shown(name)) cuts text into words is not known here; these are: \(knownNames.joined(separator: ", "))",
      remedy: .namePreTokenizer)
  }

  /// Every name there is.
  public static var knownNames: [String] { all.flatMap(\.names) }

  /// The name for these steps, preferably with the same handling of whole tokens.
  /// - Parameter modelType: `model_type` of config.json, which tells names apart that cut alike.
  static func name(of steps: [Splitter], ignoresMerges: Bool, modelType: String?) -> String? {
    let alike = all.filter { $0.isMeant(by: steps) }
    if let name = modelType.flatMap({ usualNames[$0] }), alike.contains(where: { $0.names.contains(name) }) {
      return name
    }
    let usual = alike.filter(\.isUsual)
    return (usual.first { $0.ignoresMerges == ignoresMerges } ?? usual.first)?.names.first
  }

  /// Whether these steps of a `tokenizer.json` cut so.
  func isMeant(by steps: [Splitter]) -> Bool {
    let names = steps.map(\.name)
    return ([self.steps] + otherSteps).contains { $0.map(\.name) == names }
  }

  /// Whether two names stand for the same cut.
  package static func isSame(_ one: String, _ other: String) -> Bool {
    if one == other { return true }
    guard let one = named(one), let other = named(other) else { return false }
    return one.isMeant(by: other.steps)
  }

  /// Hands every piece of `text[range]` to `body`, in order.
  static func split(
    _ text: Span<UInt8>, _ range: Range<Int>, by steps: ArraySlice<Splitter>, _ body: (Range<Int>) -> Void
  ) {
    guard let step = steps.first else { return body(range) }
    let rest = steps.dropFirst()
    guard !rest.isEmpty else { return step.pieces(text, range, body) }
    step.pieces(text, range) { piece in split(text, piece, by: rest, body) }
  }
}
