/// Numbers as Python's `repr` writes them: the fewest digits that read back as the same Double, with an exponent
/// below 10^-4 and from 10^16 on.
package enum PythonNumber {
  /// Characters of the longest text of a finite number: sign, 17 digits, a period, and an exponent such as `e-308`.
  package static let longestText = 24

  package static func text(of value: Double) -> String {
    guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity" }
    let sign = value.sign == .minus ? "-" : ""
    guard value != 0 else { return sign + "0.0" }
    // Swift finds the same digits, but changes to an exponent at other places.
    let parts = value.magnitude.description.split(separator: "e")
    let halves = parts[0].split(separator: ".")
    var exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) + halves[0].count - 1
    var digits = Array(halves.joined())
    while digits.count > 1, digits[0] == "0" {
      digits.removeFirst()
      exponent -= 1
    }
    while digits.count > 1, digits.last == "0" { digits.removeLast() }

    if exponent < -4 || exponent >= 16 {
      let fraction = digits.count > 1 ? "." + String(digits.dropFirst()) : ""
      let places = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
      return sign + String(digits[0]) + fraction + (exponent < 0 ? "e-" : "e+") + places
    }
    if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + String(digits) }
    digits += Array(repeating: "0", count: max(0, exponent + 2 - digits.count))
    return sign + String(digits[...exponent]) + "." + String(digits[(exponent + 1)...])
  }
}
