internal import Bytes
internal import JSON

extension MeasuredPart {
  /// What the numbers of a scored place are called, in their order.
  enum Columns {
    static let perplexity = ["nll"]
    static let comparison = ["nll_before", "nll_after", "kl", "agreement"]
  }

  private static let tensorColumns = ["numbers", "relative_squared_errors", "squared_errors"]

  /// Keys: `number`, `count`, `fingerprint`, `windows` (of the whole text), the columns, each with a number for every
  /// scored place of the part in the order of the text, and where tensors were compared `tensors`: `total` (of the whole),
  /// and for each that the report lists `numbers`, `relative_squared_errors`, `squared_errors`.
  func json(_ columns: [String]) -> JSONValue {
    var members: [String: JSONValue] = [
      "number": .integer(part.number), "count": .integer(part.count), "fingerprint": .string(fingerprint),
      "windows": .integer(windows),
    ]
    for (place, column) in columns.enumerated() {
      members[column] = .array(
        stride(from: place, to: numbers.count, by: columns.count).map { .exact(numbers[$0]) })
    }
    if tensors.total > 0 {
      members["tensors"] = [
        "total": .integer(tensors.total), "numbers": .array(tensors.numbers.map(JSONValue.integer)),
        "relative_squared_errors": .array(tensors.relativeSquaredErrors.map(JSONValue.exact)),
        "squared_errors": .array(tensors.squaredErrors.map(JSONValue.exact)),
      ]
    }
    return .object(members)
  }

  /// Reads what `json` gives.
  /// - Parameters:
  ///   - contextLength: tokens of a window.
  ///   - listed: how many tensors the report lists.
  init(
    _ report: ReportMembers, _ columns: [String], contextLength: Int, tensors listed: Int = 0
  ) throws(FileError) {
    let (number, count) = (try report.count("number"), try report.count("count"))
    guard let part = Part(number, of: count) else {
      throw report.malformed("number", "is \(number) of \(count) parts; parts count from 1")
    }
    let windows = try report.count("windows")
    let positions = EvaluationWindows.positions(ofContext: contextLength).count
    let (places, overflows) = part.share(of: windows).count.multipliedReportingOverflow(by: positions)
    var values: [[Double]] = []
    for column in columns {
      let found = try report.exactNumbers(column)
      guard !overflows, found.count == places else {
        throw report.malformed(
          column,
          "has \(found.count) numbers; part \(part) of \(windows) windows has other \(positions) for each of its own")
      }
      values.append(found)
    }
    self.init(
      part, of: try report.string("fingerprint"), windows: windows,
      numbers: (0..<places).flatMap { place in values.map { $0[place] } },
      tensors: try report.optionalObject("tensors").map { tensors throws(FileError) in
        try Tensors(tensors, of: part, listed: listed)
      } ?? Tensors())
    guard tensors.numbers.count == listed else {
      throw report.malformed("tensors", "are \(tensors.numbers.count), but the report lists \(listed)")
    }
  }
}

extension MeasuredPart.Tensors {
  fileprivate init(_ report: ReportMembers, of part: Part, listed: Int) throws(FileError) {
    total = try report.count("total")
    numbers = try report.counts("numbers")
    relativeSquaredErrors = try report.exactNumbers("relative_squared_errors")
    squaredErrors = try report.exactNumbers("squared_errors")
    let share = part.share(of: total)
    // Compared before anything is made of the total, which may be any number.
    guard numbers.count == share.count, numbers.sorted().elementsEqual(share) else {
      throw report.malformed("numbers", "are not those of part \(part) of \(total) tensors")
    }
    guard relativeSquaredErrors.count == numbers.count, squaredErrors.count == numbers.count else {
      throw report.malformed("squared_errors", "has not a number for each of the \(numbers.count) tensors")
    }
  }
}

extension JSONValue {
  /// A number that is read as the same again. JSON has no word for what is not finite: a text stands for it.
  fileprivate static func exact(_ value: Double) -> JSONValue { value.isFinite ? .number(value) : .string("\(value)") }
}

extension ReportMembers {
  /// The numbers of a list that `JSONValue.exact` made.
  fileprivate func exactNumbers(_ key: String) throws(FileError) -> [Double] {
    try value(key, "a list of numbers") { value in
      guard let values = value.array else { return nil }
      let numbers = values.compactMap { $0.double ?? Self.notFinite[$0.string ?? ""] }
      return numbers.count == values.count ? numbers : nil
    }
  }

  private static let notFinite: [String: Double] = ["inf": .infinity, "-inf": -.infinity, "nan": .nan]
}
