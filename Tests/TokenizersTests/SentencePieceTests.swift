import Testing

@testable import Tokenizers

@Suite struct SentencePieceTests {
  static func vocabulary(_ pieces: [(String, Float)], bytes: Bool = true) -> GGUFVocabulary {
    let byteTokens = bytes ? (0..<256).map { ByteToken.token(of: UInt8($0)) } : []
    let specials = ["<unk>", "<s>", "</s>"]
    return GGUFVocabulary(
      model: "llama", tokens: specials + byteTokens + pieces.map(\.0),
      scores: (specials + byteTokens).map { _ in 0 } + pieces.map(\.1),
      tokenTypes: [2, 3, 3] + byteTokens.map { _ in 6 } + pieces.map { _ in 1 }, bosID: 1, eosID: 2, unknownID: 0)
  }

  private func tokens(_ vocabulary: GGUFVocabulary, _ text: String, parseSpecial: Bool = false) throws -> [String] {
    let tokenizer = try Tokenizer(vocabulary, path: "made")
    return tokenizer.encode(text, addSpecial: false, parseSpecial: parseSpecial).map { tokenizer.token($0) ?? "?" }
  }

  @Test func theHighestScoreMergesFirst() throws {
    var vocabulary = Self.vocabulary([
      ("▁", -9), ("a", -10), ("b", -11), ("c", -12), ("ab", -2), ("bc", -1), ("aa", -3),
    ])
    vocabulary.addSpacePrefix = false
    #expect(try tokens(vocabulary, "abc") == ["a", "bc"])
    #expect(try tokens(vocabulary, "aaa") == ["aa", "a"])
    #expect(try tokens(vocabulary, "a b") == ["a", "▁", "b"])
  }

  /// A character may lack a token and still be part of one.
  @Test func charactersWithoutTokenMergeAndFallBackToBytes() throws {
    let vocabulary = Self.vocabulary([("▁", -9), ("a", -10), ("éa", -1)])
    #expect(try tokens(vocabulary, "éaé") == ["▁", "éa", "<0xC3>", "<0xA9>"])
    let tokenizer = try Tokenizer(vocabulary, path: "made")
    #expect(tokenizer.decode(tokenizer.encode("éaé é")) == "éaé é")
  }

  @Test func unknownCharactersMakeOneTokenWithoutBytes() throws {
    #expect(try tokens(Self.vocabulary([("▁", -9), ("a", -1)], bytes: false), "éñaé") == ["▁", "<unk>", "a", "<unk>"])
  }

  @Test func controlTokensAreNeverMerged() throws {
    let vocabulary = Self.vocabulary([("▁", -9), ("<", -1), ("s", -2), (">", -3), ("<s", -4), ("s>", -5)])
    #expect(try tokens(vocabulary, "<s>") == ["▁", "<s", ">"])
    #expect(try tokens(vocabulary, "<s>", parseSpecial: true) == ["<s>"])
  }

  @Test func aSpaceGoesBeforeTextAndAfterSpecialTokens() throws {
    var vocabulary = Self.vocabulary([("▁", -9), ("a", -1), ("▁a", -2)])
    #expect(try tokens(vocabulary, "a<s>a", parseSpecial: true) == ["▁a", "<s>", "▁a"])
    #expect(try tokens(vocabulary, "") == [])
    vocabulary.addSpacePrefix = false
    #expect(try tokens(vocabulary, "a<s>a", parseSpecial: true) == ["a", "<s>", "a"])
  }

  @Test(
    arguments: [
      ("<0x0A>", 0x0A), ("<0xff>", 0xFF), ("<0x-1>", nil), ("<0x+1>", nil), ("<0x0>", nil), ("<0x0AA>", nil),
      ("<0x0A", nil),
      ("<0x0A> ", nil), ("<0xÀ>", nil),
    ] as [(String, UInt8?)])
  func onlyTheExactFormIsAByte(_ token: String, _ byte: UInt8?) {
    #expect(ByteToken.byte(of: token) == byte)
  }

  /// Words are merged one by one unless a token has a space inside.
  @Test func tokensWithSpacesInsideAreFound() throws {
    let vocabulary = Self.vocabulary([("▁", -9), ("a", -1), ("b", -2), ("▁b", -4), ("a▁b", -3)])
    #expect(try tokens(vocabulary, "a b") == ["▁", "a▁b"])
  }

  @Test func extraSpacesGoWhereTheVocabularySaysSo() throws {
    var vocabulary = Self.vocabulary([("▁", -9), ("a", -1)])
    vocabulary.removeExtraWhitespaces = true
    #expect(try tokens(vocabulary, "  a   a ") == ["▁", "a", "▁", "a"])
  }

  @Test(.timeLimit(.minutes(1)), arguments: ["a", " ", "é", "<"])
  func longRunsTakeNoTime(_ character: String) throws {
    let text = String(repeating: character, count: LongText.length)
    for inner in [[], [("a▁a", Float(-4))]] {
      let tokenizer = try Tokenizer(
        Self.vocabulary([("▁", -9), ("a", -1), ("aa", -2), ("aaaa", -3), ("▁▁", -3)] + inner), path: "made")
      #expect(tokenizer.decode(tokenizer.encode(text)).utf8.count == text.utf8.count)
    }
  }
}
