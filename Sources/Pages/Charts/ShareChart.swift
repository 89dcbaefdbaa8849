internal import Evaluation

/// A share for each model, as points in rows.
struct ShareChart {
  struct Row {
    let key: String
    let name: String
    /// 0 to 1.
    let share: Double
  }

  let rows: [Row]
  let title: String

  func drawing(isNarrow: Bool) -> Drawing {
    let width = isNarrow ? 340.0 : 720.0
    let rowHeight = isNarrow ? 38.0 : 24.0
    let names = isNarrow ? 16.0 : 34 + (rows.map { PlotArea.width(of: SafeText.short($0.name, 34)) }.max() ?? 0)
    let area = PlotArea(left: names, top: 8, width: width - names - 70, height: rowHeight * Double(rows.count))
    let scale = AxisScale.linear(rows.map { min($0.share, 0.99) } + [1], marks: isNarrow ? 3 : 5)
    var elements = [
      area.bottomAxis(scale, title: "share of the tokens", scale.percent)
    ]
    for (number, row) in rows.enumerated() {
      let middle = area.top + rowHeight * (Double(number) + (isNarrow ? 0.7 : 0.5))
      let x = area.x(row.share, on: scale)
      elements.append(
        SVGElement("text", ["class": "label", "x": 2, "y": .number(isNarrow ? middle - 11 : middle + 4)])
          .text("\(row.key)  \(SafeText.short(row.name, isNarrow ? 44 : 34))"))
      elements.append(
        SVGElement(
          "line",
          ["class": "reach", "x1": .number(area.left), "x2": .number(x), "y1": .number(middle), "y2": .number(middle)]))
      elements.append(
        SVGElement("circle", ["class": "point best", "cx": .number(x), "cy": .number(middle), "r": 5])
          .titled("\(SafeText.name(row.name)): \(NumberText.percent(row.share))", [Figure.percent(row.share)]))
      elements.append(
        SVGElement("text", ["class": "label", "x": .number(x + 10), "y": .number(middle + 4)])
          .text(Figure.percent(row.share)))
    }
    return Drawing(width: width, height: area.bottom + 44, label: title, elements: elements)
  }
}
