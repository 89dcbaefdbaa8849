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
  /// What the steps are.
  var steps = "share of the tokens with less"
  /// What is not to be exceeded; nil for nothing.
  var limit: Double?
  /// How a value reads; nil for a plain number.
  var text: (@Sendable (Double) -> String)?

  func drawing(isNarrow: Bool) -> Drawing {
    let (width, height) = isNarrow ? (340.0, 320.0) : (720.0, 380.0)
    let room = isNarrow ? 26.0 : 30 + (lines.map { PlotArea.width(of: SafeText.short($0.name, 22)) }.max() ?? 0)
    let area = PlotArea(left: 56, top: 34, width: width - 56 - room, height: height - 34 - 44)
    let values = AxisScale.logarithmic(lines.flatMap(\.values) + (limit.map { [$0] } ?? []), marks: 7)
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
      ).text(steps))
    var elements = [area.leftAxis(values, title: measure, text), axis]
    if let limit {
      let y = area.y(limit, on: values)
      elements.append(
        SVGElement(
          "line",
          ["class": "limit", "x1": .number(area.left), "x2": .number(area.right), "y1": .number(y), "y2": .number(y)]
        ).titled((text ?? AxisScale.text)(limit), [Figure(limit, "")]))
    }
    var ends: [(y: Double, text: String, series: Int)] = []
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
            "\(SafeText.name(line.name)), \(shares[place]): \(text?(value) ?? NumberText.significant(value, 3))",
            [Figure(value, "")]))
      }
      if let last = points.last {
        ends.append((last.1, isNarrow ? line.key : "\(line.key)  \(SafeText.short(line.name, 22))", number))
      }
    }
    for (text, y) in Self.spread(ends.map { ($0.text, $0.y) }, within: area) {
      elements.append(
        SVGElement("text", ["class": "label", "x": .number(area.right + 9), "y": .number(y + 4)]).text(text))
    }
    return Drawing(width: width, height: height, label: title, elements: elements)
  }

  /// Colour and dash of a line: six colours, then the same dashed.
  static func series(_ number: Int) -> String { "s\(number % 6)" + (number / 6 % 2 == 1 ? " dashed" : "") }

  /// Labels moved apart, in the order of their places.
  private static func spread(_ labels: [(text: String, y: Double)], within area: PlotArea) -> [(
    text: String, y: Double
  )] {
    let height = PlotArea.fontSize + 2
    var placed = labels.sorted { $0.y < $1.y }
    for index in placed.indices.dropFirst() { placed[index].y = max(placed[index].y, placed[index - 1].y + height) }
    var limit = area.bottom
    for index in placed.indices.reversed() {
      placed[index].y = min(placed[index].y, limit)
      limit = placed[index].y - height
    }
    return placed
  }
}
