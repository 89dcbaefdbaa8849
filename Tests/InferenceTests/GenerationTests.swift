import Bytes
import Conversion
@_spi(Benchmarks) @testable import Inference
@_spi(Benchmarks) import Quantization
import TestSupport
import Testing

/// Text that a model writes: one token after the other gives what a whole window gives.
@Suite struct GenerationTests {
  @Test(arguments: FamilyTests.names) func tokenByTokenIsTheWholeWindow(_ name: String) async throws {
    let model = try LoadedModel(running: try Checkpoint(path: "\(FamilyTests.folder)/\(name)"))
    let expected = try FamilyTests.expected(name)
    let workers = Workers(count: 2)
    // Two windows, the other one begun elsewhere, so that neither may see the other's.
    let windows = [expected.tokens, Array(expected.tokens.reversed())]
    let cache = KeyValueCache(model, windows: 2, length: expected.tokens.count)
    let logits = Matrix(rows: 2, columns: model.vocabularySize)
    let scale = expected.logits.map(\.magnitude).max() ?? 1
    var worst: Float = 0
    for position in expected.tokens.indices {
      let run = ModelRun(
        model: model, windows: windows.map { [$0[position]] }, workers: workers, observer: nil, cache: cache)
      for step in model.steps { try await run.carryOut(step) }
      let states = try await run.finish(at: 0..<1)
      try await model.writeLogits(from: states, rows: 0..<2, to: logits, workers: workers)
      logits.withRow(0) { row in
        for index in row.indices {
          worst = max(worst, (row[index] - expected.logits[position * expected.vocabulary + index]).magnitude)
        }
      }
      cache.advance()
    }
    #expect(worst < 1e-4 * scale)
  }

  @Test func workersAndBatchesDrawTheSame() async throws {
    let tiny = TinyModel("generation") { $0.slidingWindow = 7 }
    let model = try tiny.model()
    let one = try await model.generate(windows: 5, of: 12, from: 3, seed: 9, workers: Workers(count: 1))
    let other = try await model.generate(windows: 5, of: 12, from: 3, seed: 9, workers: Workers(count: 3))
    #expect(one == other)
    #expect(one.allSatisfy { $0.count == 12 && $0[0] == 3 })
    // Windows are not each other's copies, and another seed writes another text.
    #expect(Set(one).count == 5)
    #expect(try await model.generate(windows: 5, of: 12, from: 3, seed: 10, workers: Workers(count: 2)) != one)
  }

  /// Known answers of Salmon et al.'s Random123, `philox4x32 10`.
  @Test func countersGiveKnownWords() {
    func words(_ counter: (UInt32, UInt32, UInt32, UInt32), seed: UInt64) -> [UInt32] {
      let words = CounterGenerator(seed: seed).words(counter)
      return [words.0, words.1, words.2, words.3]
    }
    #expect(words((0, 0, 0, 0), seed: 0) == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
    #expect(
      words((.max, .max, .max, .max), seed: .max) == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
    #expect(
      words((0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), seed: 0x299f_31d0_a409_3822)
        == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
  }
}
