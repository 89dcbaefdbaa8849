import Testing

@testable import Tokenizers

@Suite struct AddedTokenTests {
  private func parts(_ tokens: [AddedToken], _ text: String) -> [String] {
    let bytes = Array(text.utf8)
    var parts: [String] = []
    AddedTokenMatcher(tokens).parts(of: bytes, includingSpecial: true) { part in
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
