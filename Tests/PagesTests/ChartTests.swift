import Evaluation
import Foundation
import Testing

@testable import Pages

@Suite struct ChartTests {
  @Test(
    "Axes cover what they show, with round marks",
    arguments: [[0.1, 0.35], [637e6, 2.2e9], [-3, 8], [5, 5], [0, 0]])
  func linear(_ numbers: [Double]) {
    let scale = AxisScale.linear(numbers, marks: 5)
    #expect(scale.lowest <= numbers[0] && scale.highest >= numbers[1] && scale.lowest < scale.highest)
    #expect((2...13).contains(scale.ticks.count))
    #expect(scale.place(scale.lowest) == 0 && scale.place(scale.highest) == 1)
  }

  @Test(arguments: [[0.0012, 0.4], [1e-9, 3], [0.02, 0.021], [0, 0.5], [0, 0]])
  func logarithmic(_ numbers: [Double]) {
    let scale = AxisScale.logarithmic(numbers, marks: 6)
    for number in numbers where number > 0 {
      #expect(number >= scale.lowest * 0.999 && number <= scale.highest * 1.001)
    }
    #expect((2...12).contains(scale.ticks.count), "\(scale.ticks)")
    #expect(scale.place(0) == 0, "what has no logarithm lies at the lower end")
  }

  @Test(
    "Marks of an axis read as different numbers", arguments: [[2.437, 2.453], [1, 9], [0.97, 0.985], [21.6, 27.4]])
  func distinctMarks(_ numbers: [Double]) {
    let scale = AxisScale.linear(numbers, marks: 6)
    #expect(Set(scale.ticks.map(scale.text)).count == scale.ticks.count)
    #expect(Set(scale.ticks.map(scale.percent)).count == scale.ticks.count)
  }

  @Test(arguments: [(0.001, "0.001"), (1e-6, "1e-06"), (50, "50"), (0.5, "0.5"), (2000, "2000"), (0, "0")])
  func marks(_ tick: Double, _ text: String) { #expect(AxisScale.text(tick) == text) }

  @Test(arguments: [(0, "0"), (24e9, "24 GB"), (1.5e9, "1.5 GB"), (999.6e6, "1 GB"), (637e6, "637 MB"), (7, "7 B")])
  func byteMarks(_ count: Double, _ text: String) { #expect(AxisScale.bytes(count) == text) }

  @Test("Numbers along an axis do not touch each other")
  func gaps() {
    let area = PlotArea(left: 50, top: 20, width: 200, height: 60)
    let scale = AxisScale(kind: .linear, lowest: 0, highest: 20, ticks: Array(stride(from: 0, through: 20, by: 1)))
    for (axis, key) in [
      (area.bottomAxis(scale, title: "") { "\(Int($0)) GB" }, "x"),
      (area.leftAxis(scale, title: "") { "\(Int($0)) GB" }, "y"),
    ] {
      let marks = axis.markup.components(separatedBy: "<text ").dropFirst().filter { $0.contains(" GB<") }
      let places = marks.compactMap { mark -> Double? in
        mark.components(separatedBy: "\(key)=\"").last.flatMap { Double($0.prefix { $0 != "\"" }) }
      }.sorted()
      #expect(places.count > 2 && places.count < 21)
      for (one, next) in zip(places, places.dropFirst()) { #expect(next - one >= (key == "x" ? 28 : 13)) }
    }
  }

  private func point(_ key: String, _ bytes: Int, _ value: Double, isOriginal: Bool = false) -> ScatterChart.Point {
    .init(key: key, name: key, bytes: bytes, value: value, error: 0, isOriginal: isOriginal, text: { "\($0)" })
  }

  @Test("On the frontier is what nothing beats in both size and damage")
  func frontier() {
    let points = [
      point("a", 100, 5), point("b", 200, 3), point("c", 210, 4), point("d", 300, 1), point("e", 300, 2),
      point("o", 50, 0, isOriginal: true),
    ]
    #expect(ScatterChart.frontier(points).map(\.key) == ["a", "b", "d"])
  }

  @Test("Labels do not lie on each other, nor outside")
  func labels() {
    let area = PlotArea(left: 50, top: 30, width: 600, height: 300)
    var points: [(x: Double, y: Double)] = []
    for number in 0..<12 { points.append((300 + Double(number % 4) * 9, 150 + Double(number / 4) * 9)) }
    var placement = LabelPlacement(within: area, points: points)
    let text = "K  some-model-q4_k"
    let boxes = points.map { point -> LabelPlacement.Box in
      let place = placement.place(text, at: point)
      return .init(left: place.x, top: place.y - 7, width: PlotArea.width(of: text), height: 14)
    }
    for (number, box) in boxes.enumerated() {
      for other in boxes.dropFirst(number + 1) { #expect(box.overlap(with: other) < 40) }
    }
    #expect(boxes.allSatisfy { $0.left >= 40 && $0.left + $0.width <= 670 })
  }

  @Test("Labels do not lie on the frontier")
  func labelsBesideLines() {
    let area = PlotArea(left: 50, top: 30, width: 600, height: 300)
    let points = [(x: 100.0, y: 60.0), (x: 300.0, y: 150.0), (x: 500.0, y: 250.0)]
    let line: [(x: Double, y: Double)] = [(100, 60), (300, 60), (300, 150), (500, 150), (500, 250)]
    var placement = LabelPlacement(within: area, points: points, lines: [line])
    let text = "K  some-model-q4_k"
    for point in points {
      let place = placement.place(text, at: point)
      let box = LabelPlacement.Box(left: place.x, top: place.y - 7, width: PlotArea.width(of: text), height: 14)
      for (one, next) in zip(line, line.dropFirst()) {
        let part = LabelPlacement.Box(
          left: min(one.x, next.x), top: min(one.y, next.y), width: max(abs(one.x - next.x), 1),
          height: max(abs(one.y - next.y), 1))
        #expect(box.overlap(with: part) == 0)
      }
    }
  }

  @Test("A label that had to give way is led to its line")
  func leaders() {
    func markup(_ values: [Double]) -> String {
      QuantileChart(
        shares: ["50 %", "max"],
        lines: values.enumerated().map { .init(key: ModelKeys.key($0), name: "m", values: [0.001, $1]) },
        title: "t", measure: "m"
      ).drawing(isNarrow: true).markup
    }
    #expect(markup([0.5, 0.5001, 0.5002]).contains("class=\"leader"))
    #expect(!markup([0.01, 0.9]).contains("class=\"leader"))
  }

  @Test("Names are broken behind their marks, not within words")
  func breaks() {
    let name = Table.Part(name: "model.layers.3.mlp.down_proj")
    #expect([name.text ?? ""] + name.more == ["model.", "layers.", "3.", "mlp.", "down_", "proj"])
    #expect(Table.Part(name: "").text?.isEmpty == true)
  }

  @Test(
    "Names of every container's tensors have their places",
    arguments: [
      ("model.layers.12.self_attn.q_proj.weight", 12, "self_attn.q_proj"), ("blk.3.ffn_down.weight", 3, "ffn_down"),
      ("model.layers.4.mlp.experts.17.up_proj.weight", 4, "mlp.experts.*.up_proj"),
      ("transformer.h.0.attn.c_attn.bias", 0, "attn.c_attn.bias"), ("blk.0.attn_q.bias", 0, "attn_q.bias"),
    ])
  func places(_ name: String, _ layer: Int, _ module: String) throws {
    let place = try #require(DamageMap.place(of: name))
    #expect(place.layer == layer && place.module == module)
  }

  @Test(arguments: ["model.embed_tokens.weight", "lm_head.weight", "output_norm.weight", "a.7"])
  func outsideOfLayers(_ name: String) { #expect(DamageMap.place(of: name) == nil) }

  @Test("Names are as short as tells them apart")
  func names() {
    #expect(ModelKeys.short(["smol-q4_k.gguf", "smol-q8_0.gguf"]) == ["q4_k.gguf", "q8_0.gguf"])
    #expect(ModelKeys.short(["smol", "smol-q8_0"]) == ["smol", "smol-q8_0"])
    #expect(ModelKeys.short(["a"]) == ["a"])
    #expect((0..<27).map(ModelKeys.key).suffix(2) == ["Z", "A1"])
    #expect(SafeText.short("abcdefghij", 5) == "ab…ij")
  }
}
