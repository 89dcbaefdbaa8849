public import Inference
internal import Quantization

extension Evaluator {
  /// Lets a model read all of a text, and adds up the squares of what its linear layers are given.
  /// - Parameters:
  ///   - includingHead: whether the head is one of the layers.
  ///   - record: keeps the sums after each batch of windows, and what an earlier run has kept is not read again.
  ///   - progress: is called after each batch of windows with the number of windows done.
  /// - Throws: what the model throws; `FileError` of the record; `CancellationError`.
  public func inputSquares(
    of model: LoadedModel, over text: EvaluationWindows, includingHead: Bool = false, record: MeasurementRecord? = nil,
    progress: (_ windows: Int) -> Void = { _ in }
  ) async throws -> InputSquares {
    let found = record?.found(of: text)
    let groups = found.flatMap(Self.groups)
    let squares = InputSquares(groups ?? [])
    for batch in text.batches(ofTokens: batchTokens, from: groups == nil ? 0 : found?.windows ?? 0) {
      try await model.addInputSquares(
        of: Array(text.windows[batch]), to: squares, includingHead: includingHead, workers: workers)
      try record?.keep(Self.content(squares, windows: batch.upperBound))
      progress(batch.upperBound)
    }
    return squares
  }

  /// A label says how many sums a group has, of how many tokens, and the names of its layers.
  private static func content(_ squares: InputSquares, windows: Int) -> MeasurementRecord.Content {
    let groups = squares.groups
    return MeasurementRecord.Content(
      windows: windows, labels: groups.map { "\($0.sums.count) \($0.tokens) \($0.names.joined(separator: " "))" },
      numbers: groups.flatMap { $0.sums.flatMap(\.numbers) })
  }

  /// Nil where the content does not say groups.
  private static func groups(_ content: MeasurementRecord.Content) -> [InputSquares.Group]? {
    var groups: [InputSquares.Group] = []
    var rest = content.numbers[...]
    for label in content.labels {
      let words = label.split(separator: " ").map(String.init)
      let size = SquareSum.numberCount
      guard words.count > 2, let count = Int(words[0]), let tokens = Int(words[1]), count > 0,
        count <= rest.count / size
      else {
        return nil
      }
      let start = rest.startIndex
      let sums = (0..<count).compactMap { SquareSum(numbers: rest[start + $0 * size..<start + ($0 + 1) * size]) }
      guard sums.count == count else { return nil }
      groups.append(InputSquares.Group(names: Array(words[2...]), sums: sums, tokens: tokens))
      rest = rest.dropFirst(count * size)
    }
    return rest.isEmpty ? groups : nil
  }
}

extension SquareSum {
  static let numberCount = 3
  /// Bits of each of the numbers, which a Double holds exactly.
  private static let bits = 43

  /// The units as whole numbers, the lowest bits first, for a record.
  var numbers: [Double] {
    (0..<Self.numberCount).map { Double(UInt64(truncatingIfNeeded: units >> ($0 * Self.bits)) & (1 << Self.bits - 1)) }
  }

  /// - Returns: nil for numbers that are no such units.
  init?(numbers: ArraySlice<Double>) {
    var units: UInt128 = 0
    for number in numbers.reversed() {
      guard let part = UInt64(exactly: number), part < 1 << Self.bits, units >> (127 - Self.bits) == 0 else {
        return nil
      }
      units = units << Self.bits | UInt128(part)
    }
    self.init(Int128(units))
  }
}
