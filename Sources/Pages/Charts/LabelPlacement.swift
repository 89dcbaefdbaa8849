/// Finds room for labels beside points, so that none covers a point, a line or another label.
struct LabelPlacement {
  struct Box {
    let left: Double
    let top: Double
    let width: Double
    let height: Double

    func overlap(with other: Box) -> Double {
      let across = min(left + width, other.left + other.width) - max(left, other.left)
      let down = min(top + height, other.top + other.height) - max(top, other.top)
      return across > 0 && down > 0 ? across * down : 0
    }

    /// What of it lies outside another.
    func excess(beyond other: Box) -> Double { width * height - overlap(with: other) }
  }

  private let bounds: Box
  private var taken: [Box]

  /// - Parameters:
  ///   - points: what no label covers.
  ///   - lines: nor these, which go across and down.
  init(within area: PlotArea, points: [(x: Double, y: Double)], lines: [[(x: Double, y: Double)]] = []) {
    bounds = Box(left: area.left, top: area.top - 8, width: area.width + 8, height: area.height + 8)
    taken = points.map { Box(left: $0.x - 6, top: $0.y - 6, width: 12, height: 12) }
    for line in lines {
      for (one, next) in zip(line, line.dropFirst()) {
        let (left, top) = (min(one.x, next.x), min(one.y, next.y))
        taken.append(
          Box(left: left - 1, top: top - 1, width: abs(one.x - next.x) + 2, height: abs(one.y - next.y) + 2))
      }
    }
  }

  /// The place of a label: its left end and its middle line, and whether it is so far from its point that a line leads there.
  mutating func place(_ text: String, at point: (x: Double, y: Double)) -> (x: Double, y: Double, isFar: Bool) {
    let (width, height) = (PlotArea.width(of: text), PlotArea.fontSize + 2)
    var best: (box: Box, cost: Double, isFar: Bool)?
    for distance in [0.0, 14, 28, 44, 62, 84] {
      for (across, down) in [(1.0, 0.0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1)] {
        let gap = 9 + distance * (across != 0 && down != 0 ? 0.7 : 1)
        let left = point.x + across * gap - (across < 0 ? width : across == 0 ? width / 2 : 0)
        let box = Box(left: left, top: point.y + down * (gap + 3) - height / 2, width: width, height: height)
        let cost = taken.reduce(box.excess(beyond: bounds) * 3) { $0 + box.overlap(with: $1) } + distance * 0.01
        if cost < (best?.cost ?? .infinity) { best = (box, cost, distance > 20) }
      }
      if let best, best.cost < 1 { break }
    }
    guard let best else { return (point.x, point.y, false) }
    taken.append(best.box)
    return (best.box.left, best.box.top + height / 2, best.isFar)
  }
}
