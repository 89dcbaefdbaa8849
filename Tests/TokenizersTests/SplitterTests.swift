import Testing

@testable import Tokenizers

/// Pieces, divided by `|`, that the regular expressions give.
@Suite struct SplitterTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var splitter: Splitter
    var pieces: String
    var testDescription: String { "\(splitter.name): \(pieces.debugDescription)" }
  }

  static let cases = [
    Case(splitter: .gpt2, pieces: "Hello| world|!!|  | two|  \n"),
    Case(splitter: .gpt2, pieces: "we|'ll| I|'m| it|'|S|\n|\t|x| 12345| a|1"),
    Case(splitter: .gpt2, pieces: "|é| ñandú| ½²| —|x"),
    Case(splitter: .llama3, pieces: "Hello| world|!!| | two| \n\n|\t|\tx"),
    Case(splitter: .llama3, pieces: "we|'LL| I|'m|123|456|7| |123|(x|).\n\n|y"),
    Case(splitter: .llama3, pieces: "it|'ſ| a"),
    Case(splitter: .llama3, pieces: "a|  \r\n \n|   | b"),
    Case(splitter: .qwen2, pieces: "1|2|3| |4| five|６"),
    Case(splitter: .tekken, pieces: "HELLOworld|,HELLO| Hello|World|1|2| it|'s"),
    Case(splitter: .tekken, pieces: "école|ÉCOLE日|A|1| //\n//|x"),
    Case(splitter: .tekken, pieces: "!\u{301}a|!!\u{301}|a| | \u{301}|A|1"),
    Case(splitter: .singleNumbers, pieces: "a |1|2| b|³"),
    Case(splitter: .numberRuns, pieces: "a |12| b|³4"),
    Case(splitter: .digitTriples, pieces: "a|123|456|789| |123"),
    Case(splitter: .punctuationRuns, pieces: "a|+,| b`|=„|c"),
    Case(splitter: .falconPunctuation, pieces: "a|+,| b|`=„|c"),
  ]

  @Test(arguments: cases) func piecesAreThoseOfTheExpression(_ test: Case) {
    let pieces = test.pieces.split(separator: "|", omittingEmptySubsequences: true).map { String($0) }
    let text = Array(pieces.joined().utf8)
    var found: [String] = []
    PreTokenizer.split(text.span, 0..<text.count, by: [test.splitter]) { range in
      found.append(String(decoding: text[range], as: UTF8.self))
    }
    #expect(found.map { Array($0.utf8) } == pieces.map { Array($0.utf8) }, "\(found)")
  }

  @Test func namesAndExpressionsAreUnique() {
    let names = PreTokenizer.all.flatMap(\.names)
    #expect(Set(names).count == names.count)
    let expressions = Splitter.all.flatMap(\.expressions)
    #expect(Set(expressions).count == expressions.count)
    #expect(Set(Splitter.all.map(\.name)).count == Splitter.all.count)
  }
}
