internal import Bytes
internal import CKernels
@_spi(Benchmarks) internal import Quantization
internal import Synchronization

/// Sums of outer products, one triangle: whole multiples of a unit, in 64 bits. So they are the same in whatever order, and in
/// however many parts, they are added up.
final class MomentSums: Sendable {
  /// Rows, and columns.
  let order: Int
  /// Units in 1, a power of two.
  let scale: Double
  /// Tiles of the lower triangle, row after row of tiles.
  private let tiles: [Tile]

  private static let width = 256

  /// Empty until something is added.
  private final class Tile: Sendable {
    let sums = Mutex<[Int64]>([])
  }

  init(order: Int, scale: Double) {
    self.order = order
    self.scale = scale
    let count = order.dividedRoundingUp(by: Self.width)
    tiles = (0..<count * (count + 1) / 2).map { _ in Tile() }
  }

  /// Bytes that such sums take.
  static func byteCount(order: Int) -> Int {
    let count = order.dividedRoundingUp(by: width)
    return count * (count + 1) / 2 * width * width * MemoryLayout<Int64>.size
  }

  /// Adds the outer products of rows, rounded together to whole units.
  /// - Returns: whether nothing was too large, or no number.
  func add(_ rows: MatrixPart, workers: Workers, memories: [WorkerMemory]) async throws -> Bool {
    guard !rows.rows.isEmpty else { return true }
    let turned = Matrix(rows: rows.columns.count, columns: rows.rows.count)
    let whole = Matrix(rows: rows.rows.count, columns: rows.columns.count)
    KernelSet.best.copy(rows, to: whole.part())
    KernelSet.best.transpose(whole, into: turned)
    let places = Panel.pieces(order, of: Self.width)
    let pairs = places.indices.flatMap { row in (0...row).map { (row, $0) } }
    let fits = Mutex(true)
    try await workers.forEach(pairs.count) { [self] number, worker in
      let (row, column) = pairs[number]
      memories[worker].withContents { memory in
        let tile = memory.matrix(.tile, rows: places[row].count, columns: places[column].count)
        KernelSet.best.multiply(
          turned.part(rows: places[row]), whole.part(columns: places[column]), into: tile.part(), memory: memory.product
        )
        let isSound = tiles[row * (row + 1) / 2 + column].sums.withLock { sums in
          if sums.isEmpty { sums = Array(repeating: 0, count: tile.rows * tile.columns) }
          return KernelSet.best.addExactly(tile, scale: scale, to: &sums)
        }
        if !isSound { fits.withLock { $0 = false } }
      }
    }
    return fits.withLock { $0 }
  }

  /// The sums, row after row of the triangle, as whole units.
  func forEachRow<Failure: Error>(_ body: (_ row: Int, _ values: [Int64]) throws(Failure) -> Void) throws(Failure) {
    for row in 0..<order {
      let place = row / Self.width
      var values: [Int64] = []
      values.reserveCapacity(row + 1)
      for column in 0...place {
        let count = min(Self.width, row + 1 - column * Self.width)
        let width = min(Self.width, order - column * Self.width)
        let first = row % Self.width * width
        tiles[place * (place + 1) / 2 + column].sums.withLock { sums in
          values += sums.isEmpty ? Array(repeating: 0, count: count) : Array(sums[first..<first + count])
        }
      }
      try body(row, values)
    }
  }

  /// The sums as whole units of `1 / scale`.
  var sums: ExactSums {
    var values: [Int64] = []
    values.reserveCapacity(SymmetricMoments.count(order: order))
    forEachRow { (_, row) in values += row }
    return ExactSums(exponent: Int(scale.exponent), values: values)
  }
}

extension KernelSet {
  /// Adds the values of a matrix to sums, each rounded to a multiple of `1 / scale`.
  func addExactly(_ values: Matrix, scale: Double, to sums: inout [Int64]) -> Bool {
    precondition(sums.count == values.rows * values.columns, "sizes differ")
    return unsafe sums.withUnsafeMutableBufferPointer { sums in
      guard let start = sums.baseAddress else { return true }
      return unsafe table.add_exactly(values.start(row: 0, column: 0), sums.count, scale, start)
    }
  }
}
