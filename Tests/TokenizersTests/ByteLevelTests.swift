import Testing

@testable import Tokenizers

@Suite struct ByteLevelTests {
  /// All bytes, then the results of the merges, then what is said.
  static func vocabulary(
    pre: String? = "gpt-2", merges: [String] = [], more: [String] = [], types: [Int32] = []
  ) -> GGUFVocabulary {
    let bytes = ByteAlphabet.characters.map { String($0) }
    let merged = merges.map { $0.split(separator: " ").joined() }
    let plain = bytes + merged
    return GGUFVocabulary(
      model: "gpt2", pre: pre, tokens: plain + more, tokenTypes: plain.map { _ in 1 } + types, merges: merges)
  }

  @Test func mergesGoByRankAndThenFromTheLeft() throws {
    let tokenizer = try Tokenizer(Self.vocabulary(merges: ["b c", "a b", "a a"]), path: "made")
    #expect(tokenizer.encode("abc") == [Int32(UInt8(ascii: "a")), 256])
    #expect(tokenizer.encode("aaa") == [258, Int32(UInt8(ascii: "a"))])
    #expect(tokenizer.decode(tokenizer.encode("abc aaa é")) == "abc aaa é")
  }

  /// Long words take another way through the merger than short ones.
  @Test func longWordsMergeAsShortOnes() throws {
    let tokenizer = try Tokenizer(Self.vocabulary(merges: ["a b", "ab ab", "abab abab"]), path: "made")
    for count in 1..<60 {
      let eights = count / 4
      let expected: [Int32] =
        Array(repeating: 258, count: eights) + (count % 4 >= 2 ? [257] : []) + (count % 2 == 1 ? [256] : [])
      #expect(tokenizer.encode(String(repeating: "ab", count: count)) == expected)
    }
  }

  @Test func wholeWordsComeFirstWhereMergesAreIgnored() throws {
    let more = ["abc"]
    let kept = try Tokenizer(Self.vocabulary(pre: "smaug-bpe", merges: ["a b"], more: more, types: [1]), path: "made")
    #expect(kept.encode("abc") == [256, Int32(UInt8(ascii: "c"))])
    let ignored = try Tokenizer(
      Self.vocabulary(pre: "llama-bpe", merges: ["a b"], more: more, types: [1]), path: "made")
    #expect(ignored.encode("abc") == [257])
  }

  @Test func textIsComposedWhereThePreTokenizerSaysSo() throws {
    let merges = ["Ã ©"]
    let composing = try Tokenizer(Self.vocabulary(pre: "qwen2", merges: merges), path: "made")
    #expect(composing.encode("e\u{301}") == [256])
    let other = try Tokenizer(Self.vocabulary(pre: "gpt-2", merges: merges), path: "made")
    #expect(other.encode("e\u{301}").count == 3)
  }

  @Test func tokensOfAUserAreFoundAlwaysAndControlTokensWhenAsked() throws {
    let tokenizer = try Tokenizer(
      Self.vocabulary(more: ["<user>", "<control>", "<user>s"], types: [4, 3, 4]), path: "made")
    #expect(tokenizer.encode("a<user>b").count == 3)
    #expect(tokenizer.encode("<user>s") == [258])
    #expect(tokenizer.encode("<control>").count == 9)
    #expect(tokenizer.encode("<control>", parseSpecial: true) == [257])
    #expect(tokenizer.decode([257, 256]) == "<user>")
    #expect(tokenizer.decode([257, 256], skipSpecial: false) == "<control><user>")
    #expect(tokenizer.decode([97, 9999, -1]) == "a\u{FFFD}\u{FFFD}")
  }

  @Test func differentlyComposedTokensAreDifferent() {
    let index = VocabularyIndex(
      tokens: ["\u{E9}", "e\u{301}", "\u{212A}", "K"], types: [.normal, .normal, .normal, .normal])
    #expect(index.id(of: "e\u{301}") == 1)
    #expect(index.id(of: "K") == 3)
  }

  /// What would take hours if the time grew with the square of the length.
  @Test(.timeLimit(.minutes(1)), arguments: ["a", "A", " ", "1", "!", "\n", "\u{301}", "<", "漢", "ʰA", "a "])
  func longRunsTakeNoTime(_ character: String) throws {
    let merges = ["a a", "aa aa", "aaaa aaaa", "Ġ Ġ", "ĠĠ ĠĠ"]
    let text = String(repeating: character, count: LongText.length)
    for pre in PreTokenizer.all {
      let tokenizer = try Tokenizer(
        Self.vocabulary(pre: pre.names[0], merges: merges, more: ["<<<<x"], types: [4]), path: "made")
      #expect(tokenizer.bytes(of: tokenizer.encode(text)).count == text.utf8.count)
    }
  }
}
