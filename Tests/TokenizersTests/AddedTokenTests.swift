import Testing

@testable import Tokenizers

@Suite struct AddedTokenTests {
  private func parts(_ tokens: [AddedToken], _ text: String, includingSpecial: Bool = true) -> [String] {
    let bytes = Array(text.utf8)
    var parts: [String] = []
    AddedTokenMatcher(tokens).parts(of: bytes, includingSpecial: includingSpecial) { part in
      switch part {
      case .text(let range): parts.append(String(decoding: bytes[range], as: UTF8.self))
      case .token(let id): parts.append("#\(id)")
      }
    }
    return parts
  }

  @Test func leftmostAndThenLongest() {
    let tokens = ["ab", "abc", "bcd", "é"].enumerated().map {
      AddedToken(id: Int32($0.offset), content: $0.element, isSpecial: true)
    }
    #expect(parts(tokens, "xabcdéab") == ["x", "#1", "d", "#3", "#0"])
    #expect(parts(tokens, "") == [])
    #expect(parts(tokens, "a") == ["a"])
  }

  /// Of one beginning there may be any number of tokens, of one text too, and the first counts.
  @Test func tokensThatBeginAlikeAreToldApart() {
    let texts = ["<", "<a", "<ab", "<ab", "<b>", "<abcd", "", "<ac", "é", "è", String(repeating: "x", count: 1025)]
    let tokens = texts.enumerated().map {
      AddedToken(id: Int32($0.offset), content: $0.element, isSpecial: $0.offset % 2 == 1)
    }
    #expect(parts(tokens, "<abc<ab<abcd<b><a<c<") == ["#2", "c", "#2", "#5", "#4", "#1", "#0", "c", "#0"])
    #expect(parts(tokens, "éèê<ac<ad") == ["#8", "#9", "ê", "#7", "#1", "d"])
    #expect(parts(tokens, String(repeating: "x", count: 2000)).count == 1)
    #expect(parts(tokens, "<abcd<ac", includingSpecial: false) == ["#2", "cd", "#0", "ac"])
  }

  /// Every text of three letters, looked for in every text of five, as one token after another would be.
  @Test func theLongestOfManyIsFound() {
    func texts(_ length: Int) -> [String] {
      (0..<length).reduce([""]) { texts, _ in texts.flatMap { text in ["a", "b", "c"].map { text + $0 } } }
    }
    let contents = texts(3).filter { $0.hasSuffix("b") } + texts(2).filter { $0.hasPrefix("b") } + ["c"]
    let tokens = contents.enumerated().map {
      AddedToken(id: Int32($0.offset), content: $0.element, isSpecial: true)
    }
    for text in texts(5) {
      var expected: [String] = []
      var rest = text[...]
      var plain = ""
      while !rest.isEmpty {
        let found = contents.indices.filter { rest.hasPrefix(contents[$0]) }.max {
          contents[$0].count < contents[$1].count
        }
        guard let found else {
          plain.append(rest.removeFirst())
          continue
        }
        if !plain.isEmpty { expected.append(plain) }
        plain = ""
        expected.append("#\(found)")
        rest = rest.dropFirst(contents[found].count)
      }
      if !plain.isEmpty { expected.append(plain) }
      #expect(parts(tokens, text) == expected)
    }
  }

  @Test func whitespaceBelongsToTokensThatStripIt() {
    let tokens = [
      AddedToken(id: 0, content: "<l>", isSpecial: true, stripsLeft: true),
      AddedToken(id: 1, content: "<r>", isSpecial: true, stripsRight: true),
    ]
    #expect(parts(tokens, "a \n<l> b") == ["a", "#0", " b"])
    #expect(parts(tokens, "a <r>\u{2003} b") == ["a ", "#1", "b"])
    #expect(parts(tokens, "<r>  <l>") == ["#1", "#0"])
  }

  @Test func singleWordsStandAlone() {
    let tokens = [AddedToken(id: 0, content: "ab", isSpecial: true, isSingleWord: true)]
    #expect(parts(tokens, "ab cab ab_ ab.") == ["#0", " cab ab_ ", "#0", "."])
  }
}
