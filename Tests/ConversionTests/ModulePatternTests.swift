import Testing

@testable import Conversion

/// Expected is what Python's `re.match(rf"(.*\.)?({pattern})$", module)` says.
@Suite struct ModulePatternTests {
  struct Case: Sendable, CustomStringConvertible {
    let pattern: String
    let matching: [String]
    let others: [String]

    init(_ pattern: String, _ matching: [String], not others: [String]) {
      self.pattern = pattern
      self.matching = matching
      self.others = others
    }

    var description: String { pattern }
  }

  static let cases = [
    Case("q_proj", ["q_proj", "a.q_proj", "a.b.q_proj"], not: ["xq_proj", "q_proj.a", "", "a_q_proj"]),
    Case("model.layers", ["model.layers", "modelxlayers", "a.model.layers"], not: ["model.layer"]),
    Case(#"^model\.layers\.(0|11)\..*"#, ["model.layers.0.a", "model.layers.11."], not: ["a.model.layers.0.a"]),
    Case("[kv]_proj$", ["k_proj", "a.v_proj"], not: ["q_proj", "kv_proj"]),
    Case("[^kv]_proj", ["q_proj"], not: ["k_proj"]),
    Case(#"layers\.\d+\.mlp"#, ["layers.0.mlp", "a.layers.12.mlp"], not: ["layers..mlp", "layers.a.mlp"]),
    Case("(?:q|k)_proj", ["q_proj", "a.k_proj"], not: ["v_proj"]),
    Case("a{2,3}b{2}c{,1}", ["aabb", "aaabbc"], not: ["abb", "aaaabb", "aabbcc"]),
    Case("a{,}", ["", "aaa"], not: ["b"]),
    Case("a{x}", ["a{x}"], not: ["a"]),
    Case("[a-c0-9_-]+", ["b", "a-0_9", "x.b"], not: ["d", ""]),
    Case("[]a]", ["]", "a"], not: ["[", ""]),
    Case(#"[\d.]+x?"#, ["1.5x", "7"], not: ["x"]),
    Case(".*", ["", "a", "a.b"], not: []),
    Case("", ["", "a."], not: ["a"]),
    Case("a|", ["", "a"], not: ["b"]),
    Case("(a|b)+?c", ["abac"], not: ["c", "abab"]),
    Case("(a*)*b", ["aaab", "b"], not: ["aaac"]),
    Case("((){999}){999}a", ["a"], not: ["b"]),
    Case("é+", ["éé"], not: ["e"]),
  ]

  @Test(arguments: cases)
  func matchesWhatPythonDoes(_ expected: Case) throws {
    let pattern = try ModulePattern(expected.pattern)
    for module in expected.matching { #expect(pattern.matches(module), "\(module)") }
    for module in expected.others { #expect(!pattern.matches(module), "\(module)") }
  }

  @Test(arguments: [
    "(", ")", "a)|(b", "[", "[a", "[z-a]", "*", "a**", "a*+", "^*", "a{3,2}", "a{1001}", "(a{999}){999}", #"a\"#,
    #"\1"#, #"\b"#, #"[\D]"#, "(?=a)", "(?P<n>a)",
    String(repeating: "(", count: 51) + String(repeating: ")", count: 51),
  ])
  func refusesWhatIsNoneOrNotSupported(_ text: String) {
    #expect(throws: PatternError.self) { try ModulePattern(text) }
  }

  /// A matcher that tries one way after the other takes 2^40 steps here.
  @Test(arguments: ["(a*)*b", "(a|a)*b", "(a+)+b"])
  func timeDoesNotGrowWithTheWaysToMatch(_ text: String) throws {
    #expect(try !ModulePattern(text).matches(String(repeating: "a", count: 10_000)))
  }
}
