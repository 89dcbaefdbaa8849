/// Names of tensors as people order and summarise them: by the numbers in them.
public enum LayerNames {
  /// Whether a name comes before another, numbers by their value: `layers.2` before `layers.10`.
  public static func precedes(_ one: String, _ other: String) -> Bool {
    var (left, right) = (Substring(one).utf8, Substring(other).utf8)
    while let first = left.first, let second = right.first {
      if isDigit(first), isDigit(second) {
        let (number, otherNumber) = (takeNumber(&left), takeNumber(&right))
        // Without leading zeros the longer one is the larger one.
        if number.count != otherNumber.count { return number.count < otherNumber.count }
        if !number.elementsEqual(otherNumber) { return number.lexicographicallyPrecedes(otherNumber) }
      } else {
        if first != second { return first < second }
        left.removeFirst()
        right.removeFirst()
      }
    }
    if left.isEmpty != right.isEmpty { return left.isEmpty }
    return one.utf8.lexicographicallyPrecedes(other.utf8)
  }

  /// A name without the parts that are numbers: the same for tensors of all layers that are named alike.
  public static func kind(of name: String) -> String {
    name.split(separator: ".").filter { Int($0) == nil }.joined(separator: ".")
  }

  /// The layers that names speak of: `layer 3`, `layers 0 to 5, 7`. Nil where one speaks of none.
  public static func layers(of names: some Collection<String>) -> String? {
    var numbers: Set<Int> = []
    for name in names {
      let parts = name.split(separator: ".")
      guard let place = parts.firstIndex(where: { $0 == "layers" || $0 == "blk" }), place + 1 < parts.count,
        let number = Int(parts[place + 1])
      else { return nil }
      numbers.insert(number)
    }
    let runs = numbers.sorted().reduce(into: [ClosedRange<Int>]()) { runs, number in
      if let last = runs.last, last.upperBound + 1 == number {
        runs[runs.count - 1] = last.lowerBound...number
      } else {
        runs.append(number...number)
      }
    }
    guard !runs.isEmpty, runs.count <= mostRuns else { return nil }
    let texts = runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound) to \($0.upperBound)" }
    return (numbers.count == 1 ? "layer " : "layers ") + texts.joined(separator: ", ")
  }

  /// More would not be read.
  private static let mostRuns = 8

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func takeNumber(_ text: inout Substring.UTF8View) -> Substring.UTF8View {
    let digits = text.prefix(while: isDigit)
    text = text[digits.endIndex...]
    return digits.drop { $0 == UInt8(ascii: "0") }
  }
}
