internal import Evaluation

/// Sizes of models against something that was measured of them, with its uncertainty; the best of each size joined.
struct ScatterChart {
  struct Point {
    /// What stands for the model where there is little room.
    let key: String
    let name: String
    let bytes: Int
    let value: Double
    let error: Double
    /// Whether it is the original, which is no candidate for the frontier.
    var isOriginal = false
    /// How the value reads.
    let text: (_ value: Double) -> String
  }

  let points: [Point]
  let title: String
  /// What is measured, with its unit.
  let measure: String
  /// Whether values are of many sizes whatever they are; others are where one is many times another.
  let isLogarithmic: Bool

  /// Those to which no other is equal or better both in size and in what was measured, the smallest first.
  static func frontier(_ points: [Point]) -> [Point] {
    var found: [Point] = []
    for point in points.sorted(by: { ($0.bytes, $0.value) < ($1.bytes, $1.value) }) where !point.isOriginal {
      if point.value < found.last?.value ?? .infinity { found.append(point) }
    }
    return found
  }

  func drawing(isNarrow: Bool) -> Drawing {
    let (width, height) = isNarrow ? (340.0, 300.0) : (720.0, 380.0)
    let area = PlotArea(left: 56, top: 34, width: width - 56 - 28, height: height - 34 - 44)
    let shown = points.filter { $0.value.isFinite }
    let positive = shown.map(\.value).filter { $0 > 0 }
    let isLogarithmic = isLogarithmic || (positive.max() ?? 1) > 5 * (positive.min() ?? 1)
    let sizes = AxisScale.linear(shown.map { Double($0.bytes) }, marks: isNarrow ? 3 : 6)
    let spread = shown.flatMap { [$0.value, $0.value + $0.error] + (isLogarithmic ? [] : [$0.value - $0.error]) }
    let values =
      isLogarithmic ? AxisScale.logarithmic(spread, marks: 6) : AxisScale.linear(spread, marks: isNarrow ? 4 : 6)
    var elements = [
      area.bottomAxis(sizes, title: "size", AxisScale.bytes),
      area.leftAxis(values, title: measure),
    ]
    let places = shown.map { (x: area.x(Double($0.bytes), on: sizes), y: area.y($0.value, on: values)) }
    let corners = frontierCorners(shown, area, sizes, values)
    elements.append(SVGElement("path", ["class": "frontier", "d": .string(Self.path(corners))]))
    var lines = [corners]
    for (point, place) in zip(shown, places) where point.error > 0 && point.error.isFinite {
      let (low, high) = (area.y(point.value - point.error, on: values), area.y(point.value + point.error, on: values))
      let (x, half) = (place.x, 3.0)
      lines.append([(x, low), (x, high)])
      elements.append(
        SVGElement(
          "path",
          [
            "class": "error",
            "d": .string(
              Self.path([(x, low), (x, high)]) + Self.path([(x - half, low), (x + half, low)])
                + Self.path([(x - half, high), (x + half, high)])),
          ]))
    }
    let best = Set(Self.frontier(shown).map(\.key))
    var placement = LabelPlacement(within: area, points: places, lines: lines)
    for (point, place) in zip(shown, places) {
      let kind = point.isOriginal ? "original" : best.contains(point.key) ? "best" : "other"
      elements.append(
        SVGElement(
          "circle", ["class": .string("point \(kind)"), "cx": .number(place.x), "cy": .number(place.y), "r": 5]
        ).titled(
          "\(SafeText.name(point.name)): \(NumberText.bytes(point.bytes)), \(point.text(point.value))"
            + (point.isOriginal ? "" : " ± \(point.text(point.error))"),
          [Figure(point.bytes), Figure(point.value, "")] + (point.isOriginal ? [] : [Figure(point.error, "")])))
      let text = isNarrow ? point.key : "\(point.key)  \(SafeText.short(point.name, 26))"
      let label = placement.place(text, at: place)
      if label.isFar {
        elements.append(
          SVGElement(
            "path",
            [
              "class": "leader",
              "d": .string(
                Self.path([
                  (place.x, place.y), (max(label.x, min(place.x, label.x + PlotArea.width(of: text))), label.y),
                ])),
            ]))
      }
      elements.append(
        SVGElement("text", ["class": "label", "x": .number(label.x), "y": .number(label.y + 4)]).text(text))
    }
    return Drawing(width: width, height: height, label: title, elements: elements)
  }

  /// The frontier as a line that goes across and down.
  private func frontierCorners(
    _ points: [Point], _ area: PlotArea, _ sizes: AxisScale, _ values: AxisScale
  ) -> [(x: Double, y: Double)] {
    var corners: [(x: Double, y: Double)] = []
    for point in Self.frontier(points) {
      let place = (area.x(Double(point.bytes), on: sizes), area.y(point.value, on: values))
      // What a smaller model reaches, a larger one need not fall short of.
      if let last = corners.last { corners.append((place.0, last.y)) }
      corners.append(place)
    }
    return corners
  }

  /// A line through points.
  static func path(_ points: [(x: Double, y: Double)]) -> String {
    points.enumerated().map { number, point in
      (number == 0 ? "M" : "L") + SVGElement.coordinate(point.0) + " " + SVGElement.coordinate(point.1)
    }.joined()
  }
}
