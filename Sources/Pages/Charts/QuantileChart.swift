internal import Evaluation

/// Values at a few steps, each a power or so above the one before: a line for each model.
struct QuantileChart {
  struct Line {
    let key: String
    let name: String
    /// At `shares`.
    let values: [Double]
  }

  /// What the steps are called: `90 %`.
  let shares: [String]
  let lines: [Line]
  let title: String
  let measure: String

  func drawing(isNarrow: Bool) -> Drawing {
    let (width, height) = isNarrow ? (340.0, 320.0) : (720.0, 380.0)
    let room = isNarrow ? 34.0 : 38 + (lines.map { PlotArea.width(of: SafeText.short($0.name, 22)) }.max() ?? 0)
    let area = PlotArea(left: 56, top: 34, width: width - 56 - room, height: height - 34 - 44)
    let values = AxisScale.logarithmic(lines.flatMap(\.values), marks: 7)
    let step = area.width / Double(max(shares.count - 1, 1))
    var axis = SVGElement("g", ["class": "axis"])
    for (number, share) in shares.enumerated() {
      axis.add(
        SVGElement(
          "text",
          ["x": .number(area.left + Double(number) * step), "y": .number(area.bottom + 17), "text-anchor": "middle"]
        ).text(share))
    }
    axis.add(
      SVGElement(
        "text", ["class": "title", "x": .number(area.right), "y": .number(area.bottom + 35), "text-anchor": "end"]
      ).text("share of the tokens with less divergence"))
    var elements = [area.leftAxis(values, title: measure), axis]
    var ends: [End] = []
    for (number, line) in lines.enumerated() {
      let points = line.values.enumerated().compactMap { place, value in
        value.isFinite ? (area.left + Double(place) * step, area.y(value, on: values)) : nil
      }
      elements.append(
        SVGElement("path", ["class": .string("line \(Self.series(number))"), "d": .string(ScatterChart.path(points))]))
      for (place, value) in line.values.enumerated() where value.isFinite {
        elements.append(
          SVGElement(
            "circle",
            [
              "class": .string("dot \(Self.series(number))"), "cx": .number(area.left + Double(place) * step),
              "cy": .number(area.y(value, on: values)), "r": 3.5,
            ]
          ).titled(
            "\(SafeText.name(line.name)), \(shares[place]): \(NumberText.significant(value, 3))",
            [Figure(value, "")]))
      }
      if let last = points.last {
        ends.append(
          End(y: last.1, text: isNarrow ? line.key : "\(line.key)  \(SafeText.short(line.name, 22))", series: number))
      }
    }
    for (end, y) in Self.spread(ends, within: area) {
      // A label that had to give way is led to its line.
      if abs(y - end.y) > 3 {
        elements.append(
          SVGElement(
            "path",
            [
              "class": .string("leader \(Self.series(end.series))"),
              "d": .string(ScatterChart.path([(area.right + 4, end.y), (area.right + 15, y)])),
            ]))
      }
      elements.append(
        SVGElement("text", ["class": "label", "x": .number(area.right + 17), "y": .number(y + 4)]).text(end.text))
    }
    return Drawing(width: width, height: height, label: title, elements: elements)
  }

  /// Colour and dash of a line: six colours, then the same dashed.
  static func series(_ number: Int) -> String { "s\(number % 6)" + (number / 6 % 2 == 1 ? " dashed" : "") }

  /// Where a line ends, and what is written there.
  private struct End {
    let y: Double
    let text: String
    let series: Int
  }

  /// Where labels stand so that none covers another, in the order of their lines.
  private static func spread(_ ends: [End], within area: PlotArea) -> [(end: End, y: Double)] {
    let height = PlotArea.fontSize + 2
    var placed = ends.sorted { $0.y < $1.y }.map { (end: $0, y: $0.y) }
    for index in placed.indices.dropFirst() { placed[index].y = max(placed[index].y, placed[index - 1].y + height) }
    var limit = area.bottom
    for index in placed.indices.reversed() {
      placed[index].y = min(placed[index].y, limit)
      limit = placed[index].y - height
    }
    return placed
  }
}
