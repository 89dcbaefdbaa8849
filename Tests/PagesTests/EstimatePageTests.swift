import Conversion
import Estimation
import Foundation
import Quantization
import TestSupport
import Testing

@testable import Pages

@Suite struct EstimatePageTests {
  private static let origin = EstimateOrigin(
    model: "a<b>\"c", version: "1.2.3", command: ["estimate", "a b"], configDigest: "0123abcd")

  private func estimate(_ memories: [Int]) throws -> ModelEstimate {
    let checkpoint = try Checkpoint(configuration: TinyLlama.file("config.json"))
    func recipe(_ name: String) throws -> Recipe {
      Recipe(.linearLayers(TargetType(codec: try #require(Catalog.codec(named: name)))))
    }
    let grouped = try GroupRequest(layout: "gptq", extent: GroupExtent(text: "512")).type(named: "int4")
    var request = ModelEstimate.Request()
    request.memories = memories
    return try ModelEstimate(
      of: checkpoint,
      [
        ("bf16", try recipe("bf16"), .safetensors), ("nf4", try recipe("nf4"), .safetensors),
        ("gptq:int4/512", Recipe(.linearLayers(grouped)), .safetensors),
      ],
      training: (half: try recipe("bf16"), nested: try recipe("nf4")), request, workers: 1)
  }

  @Test("A page of an estimate has all of its numbers and no others", arguments: [[], [9_000_000], [1000, 9_000_000]])
  func numbers(_ memories: [Int]) throws {
    let estimate = try estimate(memories)
    let document = try PageDocument(try ReportPage(estimate, Self.origin).html())
    var numbers: Set<Double> = [
      Double(estimate.parameterCount), Double(estimate.context), Double(estimate.needs.contextLength), 1,
    ]
    numbers.formUnion(estimate.contexts.flatMap { [Double($0.tokens), $0.cache, $0.activations] })
    numbers.formUnion(estimate.trainings.flatMap { [$0.trained, $0.total] })
    for form in estimate.forms.prefix(2) {
      let size = try form.size.get()
      numbers.formUnion([Double(size.byteCount), size.bitsPerWeight] + form.totals)
      numbers.formUnion([form.total].compactMap(\.self) + form.longestContexts.compactMap { $0.map(Double.init) })
    }
    numbers.formUnion(memories.map(Double.init))
    #expect(document.figures == numbers)
    #expect(document.elements.contains { $0.name == "title" && $0.text.contains("a<b>\"c") })
    #expect(estimate.forms.count == 3 && estimate.trainings.count == 3)
  }

  @Test("A page says what a terminal says where there is no number, and how it was made")
  func words() throws {
    let estimate = try estimate([7_090_000])
    let document = try PageDocument(
      try ReportPage(estimate, Self.origin, notes: ["a <note> of 7 tensors"]).html())
    func cells(_ name: String) -> [String] {
      let rows = document.elements.filter { $0.name == "tr" }
      return rows.filter { $0.text.hasPrefix(name) }.map(\.text)
    }
    #expect(cells("bf16").first?.contains("none") == true)
    #expect(cells("gptq:int4/512") == ["gptq:int4/512––––"])
    #expect(document.elements.contains { $0.name == "li" && $0.text == "a <note> of 7 tensors" })
    let made = try #require(document.elements.first { $0.name == "section" && $0.attributes["id"] == "origin" })
    for word in ["1.2.3", "decant estimate 'a b'", "0123abcd", "a<b>\"c"] {
      #expect(made.text.contains(word), "\(word)")
    }
  }

  @Test("A memory that nothing fits into has no column of its own")
  func nothingFits() throws {
    let document = try PageDocument(try ReportPage(try estimate([1000]), Self.origin).html())
    #expect(!document.elements.contains { $0.name == "th" && $0.text.contains("Longest context") })
    #expect(!document.elements.contains { $0.name == "td" && $0.text == "none" })
  }

  private func chart(_ weights: [Double], contexts: [Double], limits: [Int]) -> MemoryChart {
    MemoryChart(
      rows: weights.enumerated().map { number, weights in
        .init(name: "type\(number)", weights: weights, totals: contexts.map { weights + $0 })
      }, contexts: contexts.indices.map { 2048 << $0 }, limits: limits, title: "Memory")
  }

  @Test("A chart of memory names every type beside its bar, every step in its key and every limit at its line")
  func memoryChart() {
    let chart = chart([4e9, 16e9], contexts: [1e9, 4e9, 17e9], limits: [24_000_000_000, 8_000_000_000])
    #expect(chart.rows.map(\.name) == ["type1", "type0"])
    for isNarrow in [false, true] {
      let markup = chart.drawing(isNarrow: isNarrow).markup
      for text in ["type0", "type1", "weights", "2,048", "4,096", "8,192", "24 GB", "8 GB"] {
        #expect(
          markup.contains(">\(text)") || markup.contains("\(text)<") || markup.contains("\(text) tokens<"), "\(text)")
      }
      #expect(markup.components(separatedBy: "class=\"limit\"").count == 3)
    }
    #expect(!chart.isCut)
  }

  @Test("A chart of memory stays readable where a context or a memory is much larger than all weights")
  func memoryChartEnds() {
    let long = chart([4e9, 16e9], contexts: [1e9, 400e9], limits: [])
    #expect(long.isCut && long.end < 50e9)
    #expect(long.drawing(isNarrow: true).markup.contains("class=\"onwards\""))
    let roomy = chart([4e9, 16e9], contexts: [1e9, 4e9], limits: [24_000_000_000, 640_000_000_000])
    #expect(roomy.shownLimits == [24_000_000_000] && roomy.end < 40e9)
    #expect(roomy.drawing(isNarrow: false).markup.components(separatedBy: "class=\"limit\"").count == 2)
  }
}
