// Sets of characters and scripts apart from the rest.

extension Splitter {
  /// Chinese characters and Japanese kana.
  static let ideographs = runs("ideographs and kana", of: CharacterRanges("一-龥\u{3040}-\u{309F}\u{30A0}-\u{30FF}"))

  /// DeepSeek's set: what lies between the scripts of West Asia and the end of the Korean syllables.
  static let eastAsianScripts = runs(
    "characters of Asia", of: CharacterRanges("一-龥\u{800}-\u{4E00}\u{AC00}-\u{D7FF}"))

  /// Trinity's set. In llama.cpp's copy, U+F900 has become the character that it is a variant of.
  static let asianScripts = runs(
    "characters of East Asia",
    of: CharacterRanges(
      "\u{4E00}-\u{9FFF}\u{3400}-\u{4DBF}\u{F900}-\u{FAFF}\u{3040}-\u{309F}\u{30A0}-\u{30FF}\u{FF65}-\u{FF9F}"
        + "\u{2F00}-\u{2FDF}\u{E40}-\u{E7F}\u{E80}-\u{EFF}\u{1780}-\u{17FF}\u{1000}-\u{109F}\u{AA60}-\u{AA7F}"
        + "\u{A9E0}-\u{A9FF}\u{AC00}-\u{D7AF}\u{1100}-\u{11FF}"))

  private static func runs(_ name: String, of set: CharacterRanges) -> Splitter {
    Splitter(
      name: name, expressions: ["[\(set.text)]+"],
      matchEnd: { text, start, end in
        let runEnd = set.runEnd(text, start, end)
        return runEnd > start ? runEnd : nil
      })
  }

  /// Korean, the signs of Chinese, Bopomofo, Chinese characters and kana, each by itself.
  static let youtuScripts = {
    let sets = ["가-힣ㄱ-ㆎ", "！…“”‘’—：；，、-〿︰-﹏", "ㄅ-ㄯ", "一-龥\u{3040}-\u{309F}\u{30A0}-\u{30FF}"].map {
      CharacterRanges($0)
    }
    return Splitter(
      name: "scripts of East Asia", expressions: [sets.map { "[\($0.text)]+" }.joined(separator: "|")],
      matchEnd: { text, start, end in
        for set in sets {
          let runEnd = set.runEnd(text, start, end)
          if runEnd > start { return runEnd }
        }
        return nil
      })
  }()

  /// `[\r\n]`
  static let singleNewlines = Splitter(
    name: "single newlines", expressions: [#"[\r\n]"#],
    matchEnd: { text, start, _ in CharacterClass.at(start, text).kind == .newline ? start + 1 : nil })

  /// Newlines begin a piece, up to the next ones. llama.cpp's pieces are lines and newlines between; what Qwen 2's
  /// expression makes of either is the same, but for carriage returns.
  static let linesWithNewlinesBefore = Splitter(
    name: "lines", expressions: [#"(?:\r?\n)+(?!\r?\n)"#], behavior: "MergedWithNext",
    pieceEnd: { text, start, end in
      func newlineEnd(_ index: Int) -> Int? {
        guard index < end else { return nil }
        if text[index] == 0x0A { return index + 1 }
        return text[index] == 0x0D && index + 1 < end && text[index + 1] == 0x0A ? index + 2 : nil
      }
      var index = start
      while let next = newlineEnd(index) { index = next }
      while index < end, newlineEnd(index) == nil { index += 1 }
      return index
    })

  /// Latin, Greek, Cyrillic and other letters that have a case, as DeepSeek LLM lists them.
  static let casedLetters = afterSpace(
    "letters with case",
    CharacterRanges(
      "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u{1F7D}ᾀ-ᾴᾶ-ᾼ\u{1FBE}ῂ-ῄῆ-ῌῐ-\u{1FD3}ῖ-\u{1FDB}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u{2126}ℨ\u{212A}-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
    ))

  /// ASCII but for spaces, the same in full width, quotation marks, and the first signs of Chinese.
  static let fullWidthSigns = afterSpace("signs of full width", CharacterRanges("!-/:-~！-／：-～‘-‟\u{3000}-。"))

  /// `\s?[…]+`
  private static func afterSpace(_ name: String, _ set: CharacterRanges) -> Splitter {
    Splitter(
      name: name, expressions: [#"\s?["# + set.text + "]+"],
      matchEnd: { text, start, end in
        let runEnd = set.runEnd(text, start, end)
        if runEnd > start { return runEnd }
        let (kind, length) = CharacterClass.at(start, text)
        guard kind.isWhitespace else { return nil }
        let word = set.runEnd(text, start + length, end)
        return word > start + length ? word : nil
      })
  }

  static let letters = afterSpace("letters", #"\s?\p{L}+"#, .letter)
  static let signs = afterSpace("punctuation", #"\s?\p{P}+"#, .punctuation)

  private static func afterSpace(_ name: String, _ expression: String, _ wanted: CharacterClass) -> Splitter {
    Splitter(
      name: name, expressions: [expression],
      matchEnd: { text, start, end in
        let (kind, length) = CharacterClass.at(start, text)
        if kind == wanted { return runEnd(text, start, end) { $0 == wanted } }
        guard kind.isWhitespace else { return nil }
        let word = runEnd(text, start + length, end) { $0 == wanted }
        return word > start + length ? word : nil
      })
  }

  /// White space at the end of the text, in pieces that have no newlines but at their ends.
  static let spacesAtTheEnd = Splitter(
    name: "spaces at the end", expressions: [#"\s+$"#],
    pieces: { text, range, body in
      var start = range.upperBound
      while start > range.lowerBound {
        let before = max(UTF8Scalars.start(before: start, text), range.lowerBound)
        guard CharacterClass.at(before, text).kind.isWhitespace else { break }
        start = before
      }
      if start > range.lowerBound { body(range.lowerBound..<start) }
      if start < range.upperBound { body(start..<range.upperBound) }
    })

  /// BLOOM's: all but white space and the signs that end parts of sentences. The inner brackets are a set in a set, and
  /// parentheses and the bar are signs like the others.
  static let bloom = {
    let excluded = CharacterRanges("(|.,!?…。，、।۔،)")
    @Sendable func isWanted(_ text: Span<UInt8>, _ index: Int) -> Bool {
      !CharacterClass.at(index, text).kind.isWhitespace && !excluded.contains(UTF8Scalars.scalar(text, at: index).value)
    }
    return Splitter(
      name: "BLOOM", expressions: [#" ?[^(\s|[.,!?…。，、।۔،])]+"#, #" ?[^(\s|.,!?…。，、।۔،)]+"#],
      matchEnd: { text, start, end in
        var index = start
        if text[start] == UInt8(ascii: " ") { index += 1 }
        let first = index
        while index < end, isWanted(text, index) { index += UTF8Scalars.scalar(text, at: index).length }
        return index > first ? index : nil
      })
  }()

  /// Every sign of punctuation, and every one of ASCII, by itself: `Punctuation` as it is by default.
  static let singlePunctuation = Splitter(
    name: "single signs of punctuation", expressions: [#"[\p{P}!-/:-@\[-`{-~]"#],
    matchEnd: { text, start, _ in
      let (kind, length) = CharacterClass.at(start, text)
      return kind == .punctuation || (kind == .symbol && length == 1) ? start + length : nil
    })
}
