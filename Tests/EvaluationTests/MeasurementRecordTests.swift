@_spi(Benchmarks) import Quantization
import Bytes
import Inference
import TestSupport
import Testing

@testable import Evaluation

/// A measurement that is stopped goes on, and ends with the same numbers.
@Suite struct MeasurementRecordTests {
  private struct Stopped: Error {}

  private let model = TableModel.random(37, seed: 5)
  private let evaluator = Evaluator(workers: Workers(count: 2), batchTokens: 32)

  private func text(_ seed: UInt64 = 11) throws -> EvaluationWindows {
    var generator = SeededGenerator(seed: seed)
    return try EvaluationWindows(
      tokens: (0..<333).map { _ in Int32.random(in: 0..<37, using: &generator) }, contextLength: 16,
      beginningOfSequence: 1)
  }

  private func record(_ folder: TemporaryFolder, _ text: EvaluationWindows, isResuming: Bool = true) throws
    -> MeasurementRecord
  {
    try MeasurementRecord(
      path: folder.file("record"), fingerprint: MeasurementRecord.fingerprint(of: "test", models: ["m"], over: text),
      isResuming: isResuming, interval: .zero)
  }

  /// A model that fails after some batches, as if the process ended there.
  private struct Failing: LanguageModel {
    let model: TableModel
    let tokens: Set<Int32>
    var vocabularySize: Int { model.vocabularySize }

    func hiddenStates(of windows: [[Int32]], at positions: Range<Int>, workers: Workers) async throws -> Matrix {
      if windows.contains(where: { !tokens.isDisjoint(with: $0[1...3]) }) { throw Stopped() }
      return try await model.hiddenStates(of: windows, at: positions, workers: workers)
    }

    func writeLogits(from states: Matrix, rows: Range<Int>, to logits: Matrix, workers: Workers) async throws {
      try await model.writeLogits(from: states, rows: rows, to: logits, workers: workers)
    }
  }

  /// A model that stops at the seventh window or, by chance of its first tokens, before it.
  private func failing(_ text: EvaluationWindows) -> Failing {
    Failing(model: model, tokens: Set(text.windows[7][1...3]).subtracting(text.windows[0..<2].flatMap { $0[1...3] }))
  }

  @Test func perplexityGoesOn() async throws {
    let folder = try TemporaryFolder()
    let text = try text()
    let whole = try await evaluator.perplexity(of: model, over: text)
    do {
      let first = try record(folder, text)
      await #expect(throws: Stopped.self) {
        try await evaluator.perplexity(of: failing(text), over: text, record: first)
      }
    }
    let second = try record(folder, text)
    let found = try #require(second.found)
    #expect(found.windows >= 2 && found.windows < 8 && found.numbers.count > found.windows * text.positions.count)
    var reached: [Int] = []
    let result = try await evaluator.perplexity(of: model, over: text, record: second) { reached.append($0.chunk) }
    #expect(result == whole && reached.first == found.windows + 2)
    try second.remove()
    #expect(try folder.names().isEmpty)
  }

  @Test func comparisonGoesOn() async throws {
    let folder = try TemporaryFolder()
    let text = try text()
    let shaken = model.shaken(0.1, seed: 3)
    let whole = try await evaluator.compare(before: model, after: shaken, over: text)
    do {
      let first = try record(folder, text)
      await #expect(throws: Stopped.self) {
        try await evaluator.compare(before: failing(text), after: shaken, over: text, record: first)
      }
    }
    let second = try record(folder, text)
    #expect(second.found != nil)
    #expect(try await evaluator.compare(before: model, after: shaken, over: text, record: second) == whole)
  }

  @Test func anotherMeasurementIsNotGoneOnWith() async throws {
    let folder = try TemporaryFolder()
    try record(folder, try text()).keep(.init(windows: 2, numbers: [1, 2]))
    #expect(throws: FileError.self) { try record(folder, try text(12)) }
    #expect(try record(folder, try text(), isResuming: false).found == nil)
    #expect(try record(folder, try text()).found == .init(windows: 2, numbers: [1, 2]))
  }

  @Test(arguments: ["my notes", "decant measurement of Tuesday: my notes\n", "decant measurement \n"])
  func whatIsNoRecordIsLeftAlone(_ notes: String) throws {
    let folder = try TemporaryFolder()
    _ = try folder.write(Array(notes.utf8), to: "record")
    #expect(throws: FileError.self) { try record(folder, try text()) }
    #expect(try folder.read("record") == Array(notes.utf8))
    #expect(try folder.names() == ["record"])
  }

  @Test("A file that somebody puts where a record is kept is neither replaced nor removed", arguments: [false, true])
  func strangers(_ isKept: Bool) throws {
    let folder = try TemporaryFolder()
    let record = try record(folder, try text())
    if isKept { try record.keep(.init(windows: 2, numbers: [1, 2])) }
    _ = try folder.write(Array("my notes".utf8), to: "record")
    #expect(throws: FileError.self) { try record.remove() }
    if !isKept { #expect(throws: FileError.self) { try record.keep(.init(windows: 2, numbers: [1, 2])) } }
    #expect(try folder.read("record") == Array("my notes".utf8))
  }

  @Test("One run at a time keeps a record; what a killed one has left is no obstacle")
  func oneAtATime() throws {
    let folder = try TemporaryFolder()
    do {
      let first = try record(folder, try text())
      let error = #expect(throws: FileError.self) { try record(folder, try text()) }
      #expect(error?.code == .exists && error?.message.contains("another run") == true)
      try first.keep(.init(windows: 2, numbers: [1, 2]))
    }
    #expect(try folder.names() == ["record"])
    _ = try folder.write([], to: ".record.lock")
    try record(folder, try text()).remove()
    #expect(try folder.names() == [])
    _ = try folder.write(Array("my notes".utf8), to: ".record.lock")
    #expect(throws: FileError.self) { try record(folder, try text()) }
    #expect(try folder.read(".record.lock") == Array("my notes".utf8))
  }

  @Test("What is cut off or damaged is begun anew", arguments: [1, 40, 3])
  func damage(_ cut: Int) throws {
    let folder = try TemporaryFolder()
    let text = try text()
    try record(folder, text).keep(.init(windows: 3, labels: ["a b"], numbers: [1, .infinity, -0.0]))
    #expect(try record(folder, text).found == .init(windows: 3, labels: ["a b"], numbers: [1, .infinity, -0.0]))
    let bytes = try folder.read("record")
    _ = try folder.write(Array(bytes.dropLast(cut)), to: "record")
    #expect(try record(folder, text).found == nil)
    var changed = bytes
    changed[changed.count - 50] ^= UInt8(cut)
    _ = try folder.write(changed, to: "record")
    #expect(try record(folder, text).found == nil)
  }

  /// Three numbers of 43 bits are one of 127 bits.
  @Test func sumsOfSquaresAreKeptAsTheyAre() throws {
    for units in [0, 1, 1 << 43 - 1, 1 << 86, 1 << 86 - 1, Int128.max, Int128.max - 1 << 60] as [Int128] {
      let sum = try #require(SquareSum(units))
      #expect(SquareSum(numbers: sum.numbers[...]) == sum)
    }
    for numbers in [[-1, 0, 0], [0.5, 0, 0], [0x1p43, 0, 0], [0, 0, 0x1p41], [.nan, 0, 0], [0, .infinity, 0]] {
      #expect(SquareSum(numbers: numbers[...]) == nil)
    }
  }
}
