/// The rectangle that a chart draws into, with its axes.
struct PlotArea {
  let left: Double
  let top: Double
  let width: Double
  let height: Double
  var right: Double { left + width }
  var bottom: Double { top + height }

  static let fontSize = 12.0

  /// Between numbers along an axis.
  private static let leastGap = 8.0

  /// About how wide a text is.
  static func width(of text: String) -> Double { Double(text.count) * fontSize * 0.58 }

  func x(_ number: Double, on scale: AxisScale) -> Double { left + scale.place(number) * width }

  func y(_ number: Double, on scale: AxisScale) -> Double { bottom - scale.place(number) * height }

  /// Marks along the bottom, with lines through the area.
  func bottomAxis(_ scale: AxisScale, title: String, _ text: (Double) -> String) -> SVGElement {
    var group = SVGElement("g", ["class": "axis"])
    // Where there is no room beside the mark before, one has no number.
    var end = -Double.infinity
    for tick in scale.ticks {
      let (x, text) = (x(tick, on: scale), text(tick))
      group.add(SVGElement("line", ["x1": .number(x), "x2": .number(x), "y1": .number(top), "y2": .number(bottom)]))
      let half = Self.width(of: text) / 2
      guard x - half >= end else { continue }
      end = x + half + Self.leastGap
      group.add(SVGElement("text", ["x": .number(x), "y": .number(bottom + 17), "text-anchor": "middle"]).text(text))
    }
    group.add(
      SVGElement("text", ["class": "title", "x": .number(right), "y": .number(bottom + 35), "text-anchor": "end"])
        .text(title))
    return group
  }

  /// Marks along the left side, with lines through the area; the title stands above it.
  func leftAxis(_ scale: AxisScale, title: String, _ text: ((Double) -> String)? = nil) -> SVGElement {
    var group = SVGElement("g", ["class": "axis"])
    var end = Double.infinity
    for tick in scale.ticks {
      let y = y(tick, on: scale)
      group.add(SVGElement("line", ["x1": .number(left), "x2": .number(right), "y1": .number(y), "y2": .number(y)]))
      guard y <= end else { continue }
      end = y - Self.fontSize - 2
      group.add(
        SVGElement("text", ["x": .number(left - 6), "y": .number(y + 4), "text-anchor": "end"]).text(
          text?(tick) ?? scale.text(tick)))
    }
    group.add(SVGElement("text", ["class": "title", "x": 2, "y": .number(top - 12)]).text(title))
    return group
  }
}
