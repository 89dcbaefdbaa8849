@_spi(Benchmarks) internal import Quantization
internal import Synchronization

/// What one worker needs beside its inputs and outputs, kept from item to item. The lock is never waited for, since a
/// worker has one item at a time; it makes that a fact.
final class WorkerMemory: Sendable {
  struct Contents: Sendable {
    /// Encoded bytes on their way from a file.
    var encoded: [UInt8] = []
    private var matrices: [Purpose: Matrix] = [:]

    /// What a product needs.
    private(set) lazy var product = KernelSet.productMemory()

    enum Purpose: Hashable, Sendable {
      case panel, gate, gathered, queries, keys, scores
      // Of the way back.
      case queryGradient, keyGradient, scoreGradient, capped, turned
      // Of sums of moments.
      case tile
    }

    /// A matrix of that size; its values are whatever was left there.
    mutating func matrix(_ purpose: Purpose, rows: Int, columns: Int) -> Matrix {
      if let matrix = matrices[purpose], matrix.rows == rows, matrix.columns == columns { return matrix }
      let matrix = Matrix(rows: rows, columns: columns)
      matrices[purpose] = matrix
      return matrix
    }
  }

  private let contents = Mutex(Contents())

  func withContents<Result>(_ body: (inout sending Contents) throws -> sending Result) rethrows -> sending Result {
    try contents.withLock(body)
  }
}
