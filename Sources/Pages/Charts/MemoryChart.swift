internal import Evaluation

/// What a model takes as each of several types: a bar of its weights and, on top, what contexts of more and more tokens add, with the
/// memories that there are as lines across.
struct MemoryChart {
  struct Row {
    let name: String
    let weights: Double
    /// With each of `contexts`.
    let totals: [Double]
  }

  /// The largest first.
  let rows: [Row]
  /// Tokens, the fewest first.
  let contexts: [Int]
  let limits: [Int]
  let title: String
  /// Where bars are cut off: long contexts may take so much that weights could not be told apart.
  let end: Double
  /// Those that lie on the axis.
  let shownLimits: [Int]

  init(rows: [Row], contexts: [Int], limits: [Int], title: String) {
    self.rows = rows.sorted { $0.weights > $1.weights }
    self.contexts = contexts
    self.limits = limits.sorted()
    self.title = title
    let weights = rows.map(\.weights).max() ?? 0
    let most = rows.flatMap(\.totals).max() ?? weights
    let cut = min(most, max(Self.mostWeights * weights, 1.25 * Double(limits.max() ?? 0)))
    shownLimits = self.limits.filter { Double($0) <= 2 * cut }
    end = max(cut, Double(shownLimits.last ?? 0) * 1.05)
  }

  /// How many times the largest weights an axis has, unless memories ask for more.
  private static let mostWeights = 3.0

  func drawing(isNarrow: Bool) -> Drawing {
    let width = isNarrow ? 340.0 : 720.0
    let rowHeight = isNarrow ? 20.0 : 22.0
    let names = rows.map { SafeText.short($0.name, isNarrow ? 16 : 26) }
    let left = 12 + (names.map { PlotArea.width(of: $0) }.max() ?? 0)
    let round = AxisScale.linear([0, end], marks: isNarrow ? 4 : 8)
    let scale = AxisScale(kind: .linear, lowest: 0, highest: end, ticks: round.ticks.filter { $0 <= end })
    let plain = PlotArea(left: left, top: 0, width: width - left - 26, height: rowHeight * Double(rows.count))
    let labels = Self.labels(shownLimits, scale, plain)
    let area = PlotArea(
      left: left, top: 6 + 16 * Double((labels.map(\.line).max() ?? -1) + 1), width: plain.width, height: plain.height)
    var elements = [area.bottomAxis(scale, title: "memory", AxisScale.bytes)]
    for (number, (row, name)) in zip(rows, names).enumerated() {
      let middle = area.top + rowHeight * (Double(number) + 0.5)
      elements.append(
        SVGElement("text", ["class": "label", "x": .number(left - 8), "y": .number(middle + 4), "text-anchor": "end"])
          .text(name))
      elements += bar(of: row, at: middle, scale, area)
    }
    var texts: [SVGElement] = []
    for (limit, label) in zip(shownLimits, labels) {
      let x = area.x(Double(limit), on: scale)
      let bottom = area.top - 4 - 16 * Double(label.line)
      elements.append(
        SVGElement(
          "line",
          ["class": "limit", "x1": .number(x), "x2": .number(x), "y1": .number(bottom + 1), "y2": .number(area.bottom)])
      )
      texts.append(
        SVGElement(
          "text", ["class": "label strong", "x": .number(label.x), "y": .number(bottom - 2), "text-anchor": "middle"]
        ).text(Figure(limit, AxisScale.bytes(Double(limit)))))
    }
    // No line goes through a text.
    elements += texts
    let key = key(top: area.bottom + 54, width: width)
    return Drawing(width: width, height: key.bottom, label: title, elements: elements + key.elements)
  }

  /// Whether a bar goes on beyond the axis.
  var isCut: Bool { rows.contains { ($0.totals.last ?? $0.weights) > end * 1.0001 } }

  private func bar(of row: Row, at middle: Double, _ scale: AxisScale, _ area: PlotArea) -> [SVGElement] {
    var (from, elements) = (0.0, [SVGElement]())
    for (step, total) in ([row.weights] + row.totals).enumerated() where from < scale.highest {
      let (left, right) = (area.x(from, on: scale), area.x(total, on: scale))
      let what = step == 0 ? "weights" : "with a context of \(NumberText.grouped(contexts[step - 1])) tokens"
      elements.append(
        SVGElement(
          "rect",
          [
            "class": .string(Self.style(step)), "x": .number(left), "y": .number(middle - Self.thickness / 2),
            "width": .number(max(right - left, 0.5)), "height": .number(Self.thickness),
          ]
        ).titled("\(SafeText.name(row.name)), \(what): \(NumberText.bytes(total))", [Figure(total, "")]))
      from = total
    }
    if from > scale.highest * 1.0001 {
      elements.append(
        SVGElement(
          "path",
          [
            "class": "onwards",
            "d": .string(
              ScatterChart.path([
                (area.right + 4, middle - 4), (area.right + 9, middle), (area.right + 4, middle + 4),
              ])),
          ]))
    }
    return elements
  }

  private static let thickness = 13.0

  /// Colours of steps: the last serves all that follow.
  private static func style(_ step: Int) -> String { "c\(min(step, 6))" }

  /// Where the labels of lines stand: on the lowest line of text on which there is room.
  private static func labels(_ limits: [Int], _ scale: AxisScale, _ area: PlotArea) -> [(x: Double, line: Int)] {
    var ends: [Double] = []
    return limits.map { limit in
      let width = PlotArea.width(of: AxisScale.bytes(Double(limit))) + 10
      let x = area.x(Double(limit), on: scale)
      let line = ends.firstIndex { $0 <= x - width / 2 } ?? ends.count
      if line == ends.count { ends.append(0) }
      ends[line] = x + width / 2
      return (x, line)
    }
  }

  /// What the colours mean, in lines as wide as there is room.
  private func key(top: Double, width: Double) -> (elements: [SVGElement], bottom: Double) {
    var (x, y, elements) = (2.0, top, [SVGElement]())
    let words =
      ["weights"]
      + contexts.enumerated().map { number, tokens in
        (number == 0 ? "with a context of " : "") + NumberText.grouped(tokens) + (number == 0 ? " tokens" : "")
      }
    for (step, text) in words.enumerated() {
      let needed = 18 + PlotArea.width(of: text) + 14
      if x + needed > width, x > 2 { (x, y) = (2, y + 20) }
      elements.append(
        SVGElement(
          "rect",
          ["class": .string(Self.style(step)), "x": .number(x), "y": .number(y - 10), "width": 12, "height": 12]))
      elements.append(SVGElement("text", ["class": "label", "x": .number(x + 18), "y": .number(y)]).text(text))
      x += needed
    }
    return (elements, y + 12)
  }
}
