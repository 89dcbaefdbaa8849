import Evaluation
import Testing

@Suite struct EvaluationWindowsTests {
  @Test func windowsFollowEachOtherAndBeginAnew() throws {
    let text = try EvaluationWindows(
      tokens: (10..<35).map(Int32.init), contextLength: 8, beginningOfSequence: 1)
    #expect(
      text.windows == [
        [1, 11, 12, 13, 14, 15, 16, 17], [1, 19, 20, 21, 22, 23, 24, 25], [1, 27, 28, 29, 30, 31, 32, 33],
      ])
    #expect(text.positions == 4..<7)
    #expect(text.scoredCount == 9)
  }

  @Test func withoutABeginningTheTextStays() throws {
    let text = try EvaluationWindows(
      tokens: (0..<16).map(Int32.init), contextLength: 8, beginningOfSequence: nil, limit: 1)
    #expect(text.windows == [[0, 1, 2, 3, 4, 5, 6, 7]])
  }

  @Test func usualContextScores255Places() throws {
    let text = try EvaluationWindows(tokens: Array(repeating: 3, count: 1024), beginningOfSequence: 1)
    #expect(text.positions == 256..<511)
    #expect(text.windows.count == 2)
  }

  @Test(arguments: [0, 1, 15]) func shortTextsAreRefused(_ count: Int) {
    let error = #expect(throws: EvaluationError.self) {
      try EvaluationWindows(tokens: Array(repeating: 3, count: count), contextLength: 8, beginningOfSequence: 1)
    }
    #expect(error == .tooFewTokens(count: count, contextLength: 8))
    #expect(error?.description.contains("\(count) tokens") == true)
    #expect(error?.description.contains("16") == true)
  }

  @Test func senselessSettingsAreRefused() {
    #expect(throws: EvaluationError.noChunks) {
      try EvaluationWindows(tokens: Array(repeating: 3, count: 99), contextLength: 8, beginningOfSequence: 1, limit: 0)
    }
    for length in [Int.min, 0, 3] {
      #expect(throws: EvaluationError.contextTooShort(length)) {
        try EvaluationWindows(tokens: Array(repeating: 3, count: 99), contextLength: length, beginningOfSequence: 1)
      }
    }
  }
}
