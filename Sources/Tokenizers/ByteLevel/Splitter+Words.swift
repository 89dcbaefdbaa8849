// Expressions of the shape of `WordPattern`.

/// Parts that expressions share.
private enum Expression {
  static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  static let word = #"[^\r\n\p{L}\p{N}]?\p{L}+"#
  static let spaces = #"\s*[\r\n]+|\s+(?!\S)|\s+"#
  static let signs =
    ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+"##

  /// Words that change from capitals to small letters, but not back.
  static func caseWords(without: String = "", then ending: String) -> String {
    #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}"# + without + #"]*[\p{Ll}\p{Lm}\p{Lo}\p{M}"# + without + "]+"
      + ending + #"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}"# + without + #"]+[\p{Ll}\p{Lm}\p{Lo}\p{M}"#
      + without + "]*" + ending
  }
}

extension Splitter {
  /// That of cl100k as well, which other files spell with possessive repetitions.
  static let llama3 = Splitter(
    name: "Llama 3",
    expressions: [
      Expression.contractions + "|" + Expression.word + #"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + Expression.spaces,
      #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"#,
    ],
    words: WordPattern(numbers: 3))

  static let qwen2 = Splitter(
    name: "Qwen 2",
    expressions: [
      Expression.contractions + "|" + Expression.word + #"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + Expression.spaces
    ],
    words: WordPattern())

  /// Of Ling and LLaDA: cuts as Qwen 2 does.
  static let bailing = Splitter(
    name: "Ling",
    expressions: [
      #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"#
    ],
    words: WordPattern())

  /// Marks belong to letters.
  static let qwen3Next = Splitter(
    name: "Qwen 3.5",
    expressions: [
      Expression.contractions + #"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|"#
        + Expression.spaces
    ],
    words: WordPattern(letters: .withMarks, others: .notWordsOrMarks))

  static let seedCoder = Splitter(
    name: "Seed-Coder",
    expressions: [
      Expression.contractions + "|" + Expression.word + #"|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|"# + Expression.spaces,
      Expression.contractions + "|" + Expression.word + #"|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|"# + Expression.spaces,
    ],
    words: WordPattern(tail: .nothing))

  /// Without the contractions of English, so that the endings of Turkish stay at their words.
  static let ufakzeka = Splitter(
    name: "Ufakzeka",
    expressions: [Expression.word + #"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + Expression.spaces],
    words: WordPattern(contractions: .none))

  static let miniCPM5 = Splitter(
    name: "MiniCPM 5",
    expressions: [
      Expression.contractions + "|" + Expression.word + #"|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + Expression.spaces
    ],
    words: WordPattern(numbers: .max))

  /// Several words may be one piece.
  static let exaoneMoE = Splitter(
    name: "EXAONE MoE",
    expressions: [
      Expression.contractions
        + #"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"#
    ],
    words: WordPattern(letters: .phrases, tail: .oneNewlineOrSlash))

  /// Mistral's Tekken. llama.cpp's own expression for it knows the case of ASCII letters only, and no marks.
  static let tekken = Splitter(
    name: "Tekken",
    expressions: [
      Expression.caseWords(then: "") + #"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"# + Expression.spaces
    ],
    words: WordPattern(contractions: .none, letters: .byCase, tail: .newlinesAndSlashes))

  /// That of GPT-4o. What is said of llama.cpp's expression for Tekken is true of that for this.
  static let o200k = Splitter(
    name: "o200k",
    expressions: [
      Expression.caseWords(then: Expression.contractions + "?") + #"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"#
        + Expression.spaces
    ],
    words: WordPattern(contractions: .attached, letters: .byCase, numbers: 3, tail: .newlinesAndSlashes))

  /// The same with numbers by themselves.
  static let youtuWords = Splitter(
    name: "Youtu",
    expressions: [
      Expression.caseWords(then: Expression.contractions + "?") + #"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"#
        + Expression.spaces
    ],
    words: WordPattern(contractions: .attached, letters: .byCase, tail: .newlinesAndSlashes))

  static let kimi = Splitter(
    name: "Kimi K2",
    expressions: [
      #"[\p{Han}]+|"# + Expression.caseWords(without: #"&&[^\p{Han}]"#, then: Expression.contractions + "?")
        + #"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + Expression.spaces
    ],
    words: WordPattern(contractions: .attached, letters: .byCaseAfterHan, numbers: 3))

  static let deepSeek3 = Splitter(
    name: "DeepSeek V3",
    expressions: [Expression.signs + #"[\r\n]*|"# + Expression.spaces],
    words: WordPattern(contractions: .none, letters: .withMarks, numbers: 0, others: .signs))

  static let spark = Splitter(
    name: "Spark X2.5",
    expressions: [Expression.signs + #"|[\r\n]|\s+(?!\S)|\s+"#],
    words: WordPattern(
      contractions: .none, letters: .withMarks, numbers: 0, others: .signs, tail: .nothing, spaces: .singleNewlines))

  /// Llama 3's with white space in pieces of powers of two.
  static let jais2 = Splitter(
    name: "Jais 2",
    expressions: [
      Expression.contractions + "|" + Expression.word + #"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"#
        + #"\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|"#
        + #"\s{1,2}(?!\S)|\s{1}"#
    ],
    pieces: { text, range, body in
      let words = WordPattern(numbers: 3)
      var index = range.lowerBound
      while index < range.upperBound {
        let end = min(words.matchEnd(text, index, range.upperBound) ?? range.upperBound, range.upperBound)
        // Only the last alternatives match white space alone; up to a newline they are not the ones.
        let isSpace = CharacterClass.at(index, text).kind == .space
        if isSpace, runEnd(text, index, end, { $0 == .space }) == end {
          powerPieces(text, index..<end, body)
        } else {
          body(index..<end)
        }
        index = end
      }
    })

  /// White space in the largest pieces of 512, 256 ... 4, 2, 1 characters.
  private static func powerPieces(_ text: Span<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    var rest = 0
    var index = range.lowerBound
    while index < range.upperBound {
      index += UTF8Scalars.scalar(text, at: index).length
      rest += 1
    }
    index = range.lowerBound
    var size = 512
    while index < range.upperBound {
      while size > rest, size > 1 { size /= 2 }
      let start = index
      for _ in 0..<size where index < range.upperBound { index += UTF8Scalars.scalar(text, at: index).length }
      index = min(index, range.upperBound)
      rest -= size
      body(start..<index)
    }
  }
}
