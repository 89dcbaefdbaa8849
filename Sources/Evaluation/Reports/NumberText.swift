internal import RealModule

/// Numbers as people read them.
package enum NumberText {
  /// A number with that many digits after the point: `9.2091`.
  package static func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return value.isNaN ? "not a number" : value < 0 ? "-inf" : "inf" }
    let scale = Double.pow(10, Double(decimals))
    let scaled = (abs(value) * scale).rounded()
    guard scaled < 1e15 else { return scientific(value, min(decimals, 13)) }
    let digits = String(Int(scaled))
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return sign + digits }
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
  }

  /// A number with that many digits that count: `0.01234`, `12.3`, `1.23e-07`. Zero is `0`.
  package static func significant(_ value: Double, _ digits: Int) -> String {
    guard value != 0, value.isFinite else { return value == 0 ? "0" : fixed(value, 0) }
    let exponent = Int(Double.log10(abs(value)).rounded(.down))
    if exponent < -4 || exponent > 8 { return scientific(value, digits - 1) }
    let decimals = max(0, digits - 1 - exponent)
    // 0.9996 with three digits is 1.00, not 1.000.
    let rounded = (abs(value) * Double.pow(10, Double(decimals))).rounded() / Double.pow(10, Double(decimals))
    return fixed(value, rounded >= Double.pow(10, Double(exponent + 1)) ? max(0, decimals - 1) : decimals)
  }

  /// `+0.0123` or `-0.0123`.
  package static func signed(_ value: Double, _ decimals: Int) -> String {
    let text = fixed(value, decimals)
    return text.hasPrefix("-") || value.isNaN ? text : "+" + text
  }

  /// A share as per cent: `97.88 %`.
  package static func percent(_ share: Double, _ decimals: Int = 2) -> String { fixed(share * 100, decimals) + " %" }

  /// Decimals that show two digits of an uncertainty, between 2 and 6.
  package static func decimals(forUncertainty uncertainty: Double) -> Int {
    guard uncertainty > 0, uncertainty.isFinite else { return 4 }
    return min(6, max(2, 1 - Int(Double.log10(uncertainty).rounded(.down))))
  }

  /// A count of bytes in decimal units: `2.20 GB`.
  package static func bytes(_ count: Int) -> String {
    var value = Double(count)
    guard value >= 1000 else { return "\(count) B" }
    var unit = ""
    for next in ["kB", "MB", "GB", "TB", "PB"] where value >= 999.5 {
      value /= 1000
      unit = next
    }
    return significant(value, 3) + " " + unit
  }

  /// The same of a number that may be beyond all counts.
  package static func bytes(_ count: Double) -> String {
    count.isFinite && count > -9e18 && count < 9e18 ? bytes(Int(count.rounded())) : significant(count, 3) + " B"
  }

  /// Digits in groups of three: `1,234,567`.
  package static func grouped(_ count: Int) -> String {
    var text = ""
    let digits = String(count.magnitude)
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return count < 0 ? "-" + text : text
  }

  private static func scientific(_ value: Double, _ decimals: Int) -> String {
    var exponent = Int(Double.log10(abs(value)).rounded(.down))
    // In two steps, since there is no power for what is as small as it gets.
    func mantissa() -> String {
      exponent < -300
        ? fixed(value * 1e300 / Double.pow(10, Double(exponent + 300)), decimals)
        : fixed(value / Double.pow(10, Double(exponent)), decimals)
    }
    var text = mantissa()
    // Rounding may have made ten of it.
    if text.hasPrefix("10") || text.hasPrefix("-10") {
      exponent += 1
      text = mantissa()
    }
    let magnitude = String(exponent.magnitude)
    return text + "e" + (exponent < 0 ? "-" : "+") + (magnitude.count < 2 ? "0" : "") + magnitude
  }
}
