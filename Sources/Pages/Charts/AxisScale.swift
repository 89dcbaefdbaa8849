internal import Evaluation
internal import RealModule

/// The way from numbers to places on an axis.
struct AxisScale {
  enum Kind {
    case linear
    case logarithmic
  }

  let kind: Kind
  let lowest: Double
  let highest: Double
  /// Where there are marks.
  let ticks: [Double]

  /// Covers numbers with round ends.
  /// - Parameter marks: about as many.
  static func linear(_ numbers: [Double], marks: Int) -> AxisScale {
    let numbers = numbers.filter(\.isFinite)
    var (low, high) = (numbers.min() ?? 0, numbers.max() ?? 1)
    if high <= low {
      let margin = low == 0 ? 1 : abs(low) * 0.1
      (low, high) = (low - margin, high + margin)
    }
    let step = roundStep((high - low) / Double(max(marks, 1)))
    let (first, last) = ((low / step).rounded(.down), (high / step).rounded(.up))
    let ticks = stride(from: first, through: last, by: 1).map { $0 * step }
    return AxisScale(kind: .linear, lowest: first * step, highest: last * step, ticks: ticks)
  }

  /// Covers the numbers above zero; those that are not lie at its lower end.
  static func logarithmic(_ numbers: [Double], marks: Int) -> AxisScale {
    let positive = numbers.filter { $0 > 0 && $0.isFinite }.map { min(max($0, 1e-300), 1e300) }
    let (low, high) = (positive.min() ?? 0.1, positive.max() ?? 1)
    let hasZero = numbers.contains { $0 <= 0 }
    let ends = (
      Int(Double.log10(low).rounded(.down)) - (hasZero ? 1 : 0), Int(Double.log10(high * 1.0001).rounded(.up))
    )
    let last = max(ends.1, ends.0 + 1)
    let decades = (ends.0...last).map { Double.pow(10, Double($0)) }
    guard last - ends.0 <= 2, !hasZero else {
      let every = max(1, (last - ends.0 + marks - 1) / marks)
      return AxisScale(
        kind: .logarithmic, lowest: decades[0], highest: decades[decades.count - 1],
        ticks: decades.indices.filter { $0.isMultiple(of: every) }.map { decades[$0] })
    }
    // So few decades have marks within.
    let all = decades.dropLast().flatMap { [$0, $0 * 2, $0 * 5] } + [decades[decades.count - 1]]
    let from = all.lastIndex { $0 <= low } ?? 0
    let to = all.firstIndex { $0 >= high } ?? all.count - 1
    let ticks = Array(all[from...max(to, min(from + 1, all.count - 1))])
    return AxisScale(kind: .logarithmic, lowest: ticks[0], highest: ticks[ticks.count - 1], ticks: ticks)
  }

  /// 0 at the lower end, 1 at the upper one.
  func place(_ number: Double) -> Double {
    let place: Double
    switch kind {
    case .linear: place = (number - lowest) / (highest - lowest)
    case .logarithmic:
      guard number > 0 else { return 0 }
      place = (Double.log10(number) - .log10(lowest)) / (.log10(highest) - .log10(lowest))
    }
    return place.isFinite ? min(max(place, 0), 1) : 0
  }

  /// 1, 2 or 5 times a power of ten, at least as large.
  private static func roundStep(_ step: Double) -> Double {
    let power = Double.pow(10, Double.log10(max(step, 1e-300)).rounded(.down))
    return ([1, 2, 5].first { $0 * power >= step * 0.9999 } ?? 10) * power
  }

  /// A mark's number, with as many decimals as tell marks apart.
  func text(_ tick: Double) -> String {
    guard kind == .linear, ticks.count > 1, abs(tick) < 1e9 else { return Self.text(tick) }
    let step = ticks[1] - ticks[0]
    // Numbers that hardly differ have marks that do not.
    guard step > 1e-12 else { return Self.text(tick) }
    return NumberText.fixed(tick, max(0, -Int((Double.log10(step) + 1e-9).rounded(.down))))
  }

  /// A mark's share, with as many decimals as tell marks apart: `98.5 %`.
  func percent(_ tick: Double) -> String {
    AxisScale(kind: kind, lowest: lowest * 100, highest: highest * 100, ticks: ticks.map { $0 * 100 }).text(tick * 100)
      + " %"
  }

  /// A number by itself: `0.001`, `1e-06`.
  static func text(_ tick: Double) -> String {
    let text = NumberText.significant(tick, 2)
    guard let place = text.firstIndex(of: "e") else { return withoutZeros(text[...]) }
    return withoutZeros(text[..<place]) + text[place...]
  }

  /// A number of bytes as short as it can be: `24 GB`, `1.5 GB`, `0`.
  static func bytes(_ count: Double) -> String {
    let words = NumberText.bytes(count).split(separator: " ", maxSplits: 1)
    guard words.count == 2, count != 0 else { return "0" }
    return withoutZeros(words[0]) + " " + words[1]
  }

  /// Digits without zeros at their end that say nothing.
  private static func withoutZeros(_ digits: Substring) -> String {
    guard digits.contains(".") else { return String(digits) }
    var digits = digits
    while digits.hasSuffix("0") { digits.removeLast() }
    return String(digits.hasSuffix(".") ? digits.dropLast() : digits)
  }
}
