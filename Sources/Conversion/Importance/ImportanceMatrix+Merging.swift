public import Bytes
internal import Quantization

extension ImportanceMatrix {
  /// Tokens of a window where the old form of a file does not tell: llama-imatrix's default.
  public static let usualChunkSize = 512

  /// What several matrices of one model have seen together: sums and counts are added, texts listed one after the other.
  /// - Parameters:
  ///   - matrices: at least one. Sums are added in this order, and rounded once. Where all know the exact sums of a weight,
  ///     those are added, and the order does not matter.
  ///   - unstatedChunkSize: tokens of a window of the matrices that do not tell.
  /// - Throws: `FileError` when a weight has entries of different sizes, or a sum would be infinite.
  public static func merged(
    _ matrices: [ImportanceMatrix], name: String = "importance matrix", unstatedChunkSize: Int = usualChunkSize
  ) throws(FileError) -> ImportanceMatrix {
    try merged(matrices, name: name, unstatedChunkSize: unstatedChunkSize, countingTexts: true)
  }

  /// - Parameter countingTexts: whether each matrix is of texts of its own; otherwise those of the first are those of all.
  static func merged(
    _ matrices: [ImportanceMatrix], name: String, unstatedChunkSize: Int = usualChunkSize, countingTexts: Bool
  ) throws(FileError) -> ImportanceMatrix {
    precondition(!matrices.isEmpty && unstatedChunkSize > 0, "there is something to merge")
    var totals: [String: Total] = [:]
    var chunkCount = 0
    for matrix in matrices {
      let tokens = matrix.chunkSize == nil ? unstatedChunkSize : 1
      for weight in matrix.weightNames {
        guard let entry = matrix.entries[weight] else { continue }
        var total = totals.removeValue(forKey: weight) ?? Total(like: entry)
        try total.add(entry, times: tokens, weight: weight, of: matrix)
        totals[weight] = total
      }
      chunkCount += matrix.chunkCount
    }
    var entries: [String: Entry] = [:]
    for (weight, total) in totals { entries[weight] = try total.entry(weight: weight, name: name) }
    return ImportanceMatrix(
      name: name, entries: entries,
      datasets: countingTexts ? matrices.flatMap(\.datasets) : matrices.first?.datasets ?? [], chunkCount: chunkCount,
      chunkSize: matrices.lazy.compactMap(\.chunkSize).first ?? unstatedChunkSize)
  }

  /// Sums and counts on their way.
  private struct Total {
    var sums: [Double]
    /// Nil where one entry does not know them.
    var exactSums: [SquareSum]?
    var counts: [Int]

    init(like entry: Entry) {
      sums = Array(repeating: 0, count: entry.sums.count)
      exactSums = Array(repeating: .zero, count: entry.sums.count)
      counts = Array(repeating: 0, count: entry.counts.count)
    }

    mutating func add(_ entry: Entry, times tokens: Int, weight: String, of matrix: ImportanceMatrix) throws(FileError)
    {
      guard entry.sums.count == sums.count, let pairs = Self.matched(&counts, entry.counts) else {
        throw ImportanceRule.merging.broken(
          .mismatch, path: matrix.name, subject: weight,
          """
          has \(entry.sums.count) sums and \(entry.counts.count) counts here, but \(sums.count) and \(counts.count) \
          before; only matrices of one model can be merged
          """)
      }
      for (index, count) in pairs.enumerated() {
        let (tokenCount, overflow) = count.multipliedReportingOverflow(by: tokens)
        let (sum, overflows) = counts[index].addingReportingOverflow(tokenCount)
        guard !overflow, !overflows, sum <= ImportanceMatrix.largestCount else {
          throw ImportanceRule.merging.broken(
            path: matrix.name, subject: weight, "together the counts are more than any text has")
        }
        counts[index] = sum
      }
      for index in sums.indices { sums[index] += Double(entry.sums[index]) * Double(tokens) }
      guard let known = exactSums, let added = entry.exactSums else {
        exactSums = nil
        return
      }
      let exact = zip(known, added).compactMap { $0.adding($1) }
      guard exact.count == known.count else {
        throw ImportanceRule.merging.broken(
          path: matrix.name, subject: weight, "together the sums are more than 127 bits count")
      }
      exactSums = exact
    }

    /// The counts to add, as many as there are. One count for all experts stands for the same count of each.
    private static func matched(_ counts: inout [Int], _ added: [Int]) -> [Int]? {
      if counts.count == added.count { return added }
      if added.count == 1 { return Array(repeating: added[0], count: counts.count) }
      guard counts.count == 1 else { return nil }
      counts = Array(repeating: counts[0], count: added.count)
      return added
    }

    func entry(weight: String, name: String) throws(FileError) -> Entry {
      if let exactSums { return Entry(exactly: exactSums, counts: counts) }
      let rounded = sums.map { Float($0) }
      guard rounded.allSatisfy(\.isFinite) else {
        throw ImportanceRule.merging.broken(path: name, subject: weight, "together the sums are infinite")
      }
      return Entry(sums: rounded, counts: counts)
    }
  }
}
