import TestSupport
import Testing

@testable import Conversion

/// Regular expressions that come from files.
@Suite struct BoundedExpressionTests {
  @Test("They mean what the standard library's do")
  func agreement() throws {
    let parts = [
      "a", "b", "1", "-", ".", #"\."#, #"\d"#, #"\w"#, "[ab]", "[^a]", "[a-c_]", "*", "+", "?", "{1,2}", "{2}", "{0,}",
      "{0}", "(", "(?:", ")", "|", "^", "$",
    ]
    var random = SeededGenerator(seed: 7)
    func pick(_ texts: [String], upTo most: Int) -> String {
      (0...Int(random.next() % UInt64(most))).map { _ in texts[Int(random.next() % UInt64(texts.count))] }.joined()
    }
    var compared = 0
    for _ in 0..<3000 {
      let text = pick(parts, upTo: 7)
      guard let expression = try? BoundedExpression(text) else { continue }
      let reference = try Regex(text)
      let whole = try Regex(#"(.*\.)?(\#(text))"#)
      for _ in 0..<4 {
        let name = pick(["a", "b", "c", ".", "1", "_", "-", ""], upTo: 7)
        #expect(expression.isFound(in: name) == name.contains(reference), "\(text) in \(name)")
        let isWhole = try whole.wholeMatch(in: name) != nil
        #expect(expression.matchesEnd(of: name) { $0 == "." } == isWhole, "\(text) ends \(name)")
        compared += 1
      }
    }
    #expect(compared > 1000)
  }

  @Test(arguments: [
    "(?x)([a-z._0-9]+) +!", "(?x:([a-z._0-9]+) +!)", "(a)\n+", "(a*)*b", "(a|a)*b", "(?i)a", "(?=a)", "(?#", "(", ")",
    "a**", "a*?", "a++", "[", "[]", "[^]", "[a", "[a-", "[b-a]", "[a&&b]", "[[a]]", "a{3,2}", "a{100}", "a{", "a{,2}",
    "{2}", "*", "^*", #"\"#, #"\b"#, #"\1"#, "a b", "a#", "é", "a]", "a}",
  ])
  func whatIsOutsideOfTheGrammarIsRefused(_ text: String) {
    #expect(throws: BoundedExpression.Refusal.self) { try BoundedExpression(text) }
    #expect(ModulePatterns.refusal(of: text) != nil)
  }

  @Test(
    "None takes long on a long name",
    .timeLimit(.minutes(1)),
    arguments: [
      ".*.*.*.*.*x", "[a-z]*[a-z]*!", "(a|a|a|a)(b|b|b)", String(repeating: ".{0,99}", count: 36),
      String(repeating: "(.|.)", count: 51), String(repeating: "(a|a)", count: 40) + "b",
      String(repeating: "(", count: 128) + String(repeating: ")", count: 128),
      String(repeating: "a?", count: 64) + String(repeating: "a", count: 128),
    ])
  func worstCases(_ text: String) throws {
    let expression = try BoundedExpression(text)
    let name = String(repeating: "a", count: 256)
    let isFound = expression.isFound(in: name + "\n")
    #expect(isFound == !(text.hasSuffix("x") || text.hasSuffix("!") || text.contains("b")))
  }
}
