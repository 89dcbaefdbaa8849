/// One of several parts that a job is divided into, each of which may be done by another machine.
public struct Part: Hashable, Sendable, CustomStringConvertible {
  /// From 1 to `count`.
  public let number: Int
  /// Of all parts.
  public let count: Int

  /// As many as there may be: file names of a set count with five digits.
  public static let most = 99_999

  /// - Returns: nil for a number that is not from 1 to `count`, or a count that is beyond `most`.
  public init?(_ number: Int, of count: Int) {
    guard (1...Self.most).contains(count), (1...count).contains(number) else { return nil }
    self.number = number
    self.count = count
  }

  /// Reads `3/16`; nil for anything else.
  public init?(_ text: String) {
    let numbers = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let number = numbers[0], let count = numbers[1] else { return nil }
    self.init(number, of: count)
  }

  /// What falls to this part of things in a row: runs of equal length, as far as that goes.
  public func share(of total: Int) -> Range<Int> {
    // Without the product of two numbers that may both be large.
    let (size, rest) = total.quotientAndRemainder(dividingBy: count)
    func start(_ number: Int) -> Int { number * size + min(number, rest) }
    return start(number - 1)..<start(number)
  }

  /// `3/16`.
  public var description: String { "\(number)/\(count)" }

  /// What stands in names of files for it, so that names are in the order of the parts: `00003-of-00016`.
  public var fileName: String { "\(Self.digits(number))-of-\(Self.digits(count))" }

  /// Numbers of parts in words, in ascending order: `part 2`, `parts 1, 3 and 7-9`, the first ten runs of many.
  public static func listed(_ numbers: [Int]) -> String {
    var runs: [ClosedRange<Int>] = []
    for number in numbers {
      if let last = runs.last, last.upperBound == number - 1 {
        runs[runs.count - 1] = last.lowerBound...number
      } else {
        runs.append(number...number)
      }
    }
    var words = runs.prefix(mostRuns).flatMap { run in
      run.count < 3 ? run.map(String.init) : ["\(run.lowerBound)-\(run.upperBound)"]
    }
    let more = runs.dropFirst(mostRuns).reduce(0) { $0 + $1.count }
    if more > 0 { words.append("\(more) more") }
    guard let last = words.popLast() else { return "no part" }
    return (numbers.count == 1 ? "part " : "parts ")
      + (words.isEmpty ? last : words.joined(separator: ", ") + " and " + last)
  }

  private static let mostRuns = 10

  private static func digits(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.utf8.count)) + digits
  }
}
