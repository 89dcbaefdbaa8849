/// Numbers as people read them.
enum Quantity {
  /// `7.08 MB`, decimal units as file managers and hubs show them.
  static func bytes(_ count: Int) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"]
    var value = Double(count)
    var unit = 0
    while value >= 1000, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return unit == 0 ? "\(count) B" : "\(decimal(value, digits: value < 10 ? 2 : value < 100 ? 1 : 0)) \(units[unit])"
  }

  /// `3.54 M`, `1.10 B`.
  static func parameters(_ count: Int) -> String {
    switch count {
    case ..<1_000_000: "\(decimal(Double(count) / 1e3, digits: 1)) K"
    case ..<1_000_000_000: "\(decimal(Double(count) / 1e6, digits: 2)) M"
    default: "\(decimal(Double(count) / 1e9, digits: 2)) B"
    }
  }

  /// With that many digits behind the point.
  static func decimal(_ value: Double, digits: Int) -> String {
    guard value.isFinite else { return "\(value)" }
    var factor = 1.0
    for _ in 0..<digits { factor *= 10 }
    let scaled = (abs(value) * factor).rounded()
    guard scaled < 9e15 else { return "\(value)" }
    let whole = Int(scaled)
    let sign = value < 0 && whole > 0 ? "-" : ""
    guard digits > 0 else { return sign + String(whole) }
    let text = String(whole)
    let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
    return sign + padded.dropLast(digits) + "." + padded.suffix(digits)
  }

  /// `42 s`, `3 min 20 s`, `1 h 5 min`.
  static func duration(_ seconds: Double) -> String {
    let whole = Int(min(max(seconds, 0), 1e9).rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
  }
}
