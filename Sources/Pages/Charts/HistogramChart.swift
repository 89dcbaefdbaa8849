internal import Evaluation

/// How many tokens have a divergence of each size: a row of columns for each model, all on one axis.
struct HistogramChart {
  struct Row {
    let key: String
    let name: String
    let histogram: LogHistogram
  }

  let rows: [Row]
  let title: String
  let measure: String

  func drawing(isNarrow: Bool) -> Drawing {
    let width = isNarrow ? 340.0 : 720.0
    let (rowHeight, columns) = (64.0, 42.0)
    let height = 8 + rowHeight * Double(rows.count) + 44
    let area = PlotArea(left: 20, top: 8, width: width - 40, height: rowHeight * Double(rows.count))
    let edges = rows.flatMap { $0.histogram.bins.flatMap { [$0.from, $0.to] } }
    // What lies below all bins has a column of its own, at the lower end.
    let scale = AxisScale.logarithmic(edges.filter { $0 > 0 }, marks: isNarrow ? 5 : 10)
    var elements = [area.bottomAxis(scale, title: measure, AxisScale.text)]
    for (number, row) in rows.enumerated() {
      let base = area.top + rowHeight * Double(number + 1) - 2
      let most = Double(max(row.histogram.bins.map(\.count).max() ?? 1, 1))
      for bin in row.histogram.bins {
        let (from, to) = (area.x(bin.from, on: scale), area.x(bin.to, on: scale))
        let tall = max(Double(bin.count) / most * columns, 0.6)
        elements.append(
          SVGElement(
            "rect",
            [
              "class": "column", "x": .number(from), "y": .number(base - tall), "width": .number(max(to - from - 1, 1)),
              "height": .number(tall),
            ]
          ).titled(
            "\(SafeText.name(row.name)), \(NumberText.significant(bin.from, 3)) to \(NumberText.significant(bin.to, 3)): \(NumberText.grouped(bin.count)) tokens",
            [Figure(bin.from, ""), Figure(bin.to, ""), Figure(bin.count)]))
      }
      elements.append(
        SVGElement("text", ["class": "label", "x": .number(area.left + 2), "y": .number(base - columns - 6)])
          .text("\(row.key)  \(SafeText.short(row.name, isNarrow ? 36 : 60))"))
    }
    return Drawing(width: width, height: height, label: title, elements: elements)
  }
}
