public import Bytes
public import Quantization

/// How much each column of each weight matters: the squares of the activations that a model multiplies it with, summed
/// over a text. What llama.cpp calls an imatrix. An encoder that knows it keeps the errors of busy columns small.
///
/// `Formats/GGUF/SPEC.md`, section 9, says how it is stored.
public struct ImportanceMatrix: Sendable {
  /// What was seen of one weight.
  public struct Entry: Hashable, Sendable {
    /// Sums of squares, column by column; of a weight with experts, matrix after matrix.
    public let sums: [Float]
    /// Rows of activations in the sums: one count for each matrix of the weight, or one for all. 0 for an expert that the
    /// text never reached.
    public let counts: [Int]
    /// What `sums` were before they were rounded; nil where that is not known.
    public let exactSums: [SquareSum]?

    /// - Parameters:
    ///   - sums: as many for each count; finite and not negative.
    ///   - counts: at least one; none negative.
    public init(sums: [Float], counts: [Int]) {
      precondition(
        !sums.isEmpty && !counts.isEmpty && sums.count % counts.count == 0, "every count has the same number of sums")
      self.sums = sums
      self.counts = counts
      exactSums = nil
    }

    /// - Parameters:
    ///   - sums: as many for each count.
    ///   - counts: at least one; none negative.
    public init(exactly sums: [SquareSum], counts: [Int]) {
      precondition(
        !sums.isEmpty && !counts.isEmpty && sums.count % counts.count == 0, "every count has the same number of sums")
      self.sums = sums.map(\.rounded)
      self.counts = counts
      exactSums = sums
    }
  }

  /// What messages call it: a path.
  public let name: String
  /// By the name that the weight has in a GGUF: `blk.0.attn_q.weight`.
  public let entries: [String: Entry]
  /// The texts, as they were named.
  public let datasets: [String]
  /// Windows of text that were read.
  public let chunkCount: Int
  /// Tokens of a window. Nil for the old form of the file, which does not tell: its counts are of windows.
  public let chunkSize: Int?
  /// Which part of which job it is; nil for one that was made as a whole.
  public let part: ImportancePart?

  public init(
    name: String = "importance matrix", entries: [String: Entry], datasets: [String] = [], chunkCount: Int,
    chunkSize: Int?, part: ImportancePart? = nil
  ) {
    self.name = name
    self.entries = entries
    self.datasets = datasets
    self.chunkCount = chunkCount
    self.chunkSize = chunkSize
    self.part = part
  }

  /// The texts by their own names, without folders: what outputs say of them must not depend on where they lay.
  var datasetNames: [String] {
    datasets.map { String($0.split { $0 == "/" || $0 == "\\" }.last ?? $0[...]) }
  }

  /// The names of the weights, in the order in which they are written.
  public var weightNames: [String] {
    entries.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Where the largest mean of a matrix lies. Only the ratios of means matter, but beyond this the products of an
  /// encoder's searches leave F32: ggml's find worse codes then, or zeros, without a word.
  static let largestMeans: ClosedRange<Float> = 0x1p-50...0x1p50

  /// The importance of each column of a weight, the mean of its squares, as llama-quantize takes it: `matrices` runs of
  /// `columns` values, finite and not negative. A matrix of which nothing is known, because the text did not reach it or
  /// all its activations were zero, has 1 everywhere: all columns are equal.
  /// - Parameters:
  ///   - weight: its name in a GGUF.
  ///   - columns: the length of its rows.
  ///   - matrices: how many it holds; more than one for weights with experts.
  /// - Returns: nil where there is no such entry.
  /// - Throws: `FileError` where the entry is of another size: it was made with another model. Not so for the token
  ///   embedding, whose entry is passed over. Where all means are too large or too small for encoders.
  public func weights(for weight: String, columns: Int, matrices: Int = 1) throws(FileError) -> [Float]? {
    guard let entry = entries[weight] else { return nil }
    guard entry.sums.count.isMultiple(of: matrices), entry.sums.count / matrices == columns,
      [1, matrices].contains(entry.counts.count)
    else {
      if weight == "token_embd.weight" { return nil }
      throw FileError(
        .mismatch, path: name, subject: weight,
        """
        the importance matrix has \(entry.counts.count) x \(entry.sums.count / max(entry.counts.count, 1)) columns, but the \
        weight has \(matrices) x \(columns); it was made with another model
        """)
    }
    var means: [Float] = []
    means.reserveCapacity(entry.sums.count)
    for matrix in 0..<matrices {
      let count = Float(entry.counts[entry.counts.count == 1 ? 0 : matrix])
      let sums = entry.sums[matrix * columns..<(matrix + 1) * columns]
      // A matrix of zeros would let an encoder round the weights to anything.
      if count == 0 || sums.allSatisfy({ $0 == 0 }) {
        means += repeatElement(1, count: columns)
      } else {
        for sum in sums { means.append(sum / count) }
        let largest = means.suffix(columns).max() ?? 1
        guard Self.largestMeans.contains(largest) else {
          throw ImportanceRule.sums.broken(
            .unsupported, path: name, subject: weight,
            """
            the largest mean of the squares of a column is \(largest), and from \(Self.largestMeans.lowerBound) to \
            \(Self.largestMeans.upperBound) is what encoders can multiply by in F32; make the matrix again
            """)
        }
      }
    }
    return means
  }
}
