@_spi(Benchmarks) import Quantization
import Bytes
import Inference
import TestSupport
import Testing

@_spi(Benchmarks) @testable import Evaluation

@Suite struct WorstPlacesTests {
  @Test("The worst places do not depend on how the text is divided", arguments: [1, 2, 7, 100])
  func division(_ size: Int) {
    var generator = SeededGenerator(seed: 4)
    // Of few values many are equal: the earlier place counts.
    let values = (0..<100).map { _ in Double(Int.random(in: 0..<9, using: &generator)) }
    var worst = WorstPlaces()
    for start in stride(from: 0, to: values.count, by: size) {
      worst.add(Array(values[start..<min(start + size, values.count)]), from: start) { index in
        [[TokenChance(token: Int32(start + index), probability: 0.5)]]
      }
    }
    let expected = values.indices.sorted { (values[$1], $0) < (values[$0], $1) }.prefix(10)
    #expect(worst.entries.map(\.place) == Array(expected))
    #expect(worst.entries.map { Int($0.chances[0][0].token) } == Array(expected))
    #expect(WorstPlaces(numbers: worst.numbers, places: values.count, models: 1) == worst)
    for (place, number) in [(0, Double.nan), (0, 1e300), (0, 100), (0, -1), (0, 0.5), (2, 1e300), (2, .nan)] {
      var numbers = worst.numbers
      numbers[place] = number
      #expect(WorstPlaces(numbers: numbers, places: values.count, models: 1) == nil, "what is no place is no trap")
    }
    #expect(worst.numbers.count == WorstPlaces.numberCount(places: values.count, models: 1))
  }

  @Test("The most likely tokens come with their shares, of equals the one with the lower id")
  func chances() {
    let logits: [Float] = [0, 2, 1, 2, -3]
    let found = TokenChance.most(of: logits.span, RowKernels.LogSoftmax(logits.span))
    #expect(found.map(\.token) == [1, 3, 2])
    let two: [Float] = [5, 5]
    let both = TokenChance.most(of: two.span, RowKernels.LogSoftmax(two.span))
    #expect(both.map(\.token) == [0, 1])
    #expect(both.allSatisfy { abs($0.probability - 0.5) < 1e-12 })
  }

  @Test("A measurement tells where it found most, with the text around it, however it is run", arguments: [1, 4])
  func places(_ batch: Int) async throws {
    let model = TableModel.random(37, seed: 5)
    var table = model.table
    // After token 9 the other model expects something else altogether.
    table[9] = table[9].reversed()
    var windows = (0..<4).map { window in (0..<16).map { Int32(($0 * 3 + window) % 8) } }
    windows[2][10] = 9
    windows[2][11] = 30
    let text = try EvaluationWindows(windows)
    let evaluator = Evaluator(workers: Workers(count: 2), batchTokens: 16 * batch, pieceByteCount: 1500)
    let comparison = try await evaluator.compare(before: model, after: TableModel(table: table), over: text)
    let places = try #require(comparison.places)
    #expect(places.worst.count == 10 && places.histogram.bins.reduce(0) { $0 + $1.count } == text.scoredCount)
    let worst = places.worst[0]
    #expect(worst.window == 2 && worst.position == 11 && worst.value == comparison.divergence.maximum)
    #expect(worst.passage.map(\.id) == text.windows[2] && worst.passage[worst.target].id == 30)
    #expect(worst.passage[worst.target].value == worst.value)
    #expect(worst.passage.map { $0.value != nil } == (0..<16).map { text.positions.contains($0 - 1) })
    let best = try #require(model.table[9].indices.max { model.table[9][$0] < model.table[9][$1] })
    #expect(worst.chances.map { Int($0[0].token) } == [best, 36 - best])
    let whole = try await Evaluator(workers: Workers(count: 1)).compare(
      before: model, after: TableModel(table: table), over: text)
    #expect(comparison.places == whole.places)
  }

  @Test("Bins hold what lies in them, the lower end included")
  func histogram() {
    let histogram = LogHistogram([0, -1e-12, 1e-9, 1e-8, 0.5, 1, 1.5, 99, 1e9])
    #expect(histogram.bins.map(\.count) == [3, 1, 1, 2, 1, 1])
    #expect(histogram.bins[0].from == 0 && histogram.bins[0].to == 1e-8 && histogram.bins[1].from == 1e-8)
    #expect(histogram.bins[3].from == 1 && histogram.bins[3].to == 1.7782794100389228)
    for (one, next) in zip(histogram.bins, histogram.bins.dropFirst()) { #expect(one.to <= next.from) }
  }

  @Test(
    "Bytes that are no text are spelled out",
    arguments: [
      (Array(" the".utf8), " the"), ([0xE2, 0x82], "\\xE2\\x82"), ([0x61, 0xFF, 0x62], "a\\xFFb"),
      (Array("€".utf8) + [0x05], "€\u{5}"), ([0xAC] + Array("é".utf8), "\\xACé"),
    ] as [([UInt8], String)])
  func tokens(_ bytes: [UInt8], _ text: String) { #expect(Passage.text(bytes) == text) }
}
