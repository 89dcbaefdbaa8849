internal import Bytes

/// Chooses codes and scales of a matrix so that errors cancel in what a layer computes.
///
/// What is made small is `tr(G E H E^T)`, with `E` what encoding adds to the weights, `H` the second moments of what the layer is
/// given and `G` those of the gradient of the loss with respect to what it gives: half of it is the divergence of the model's
/// predictions, to second order, if the layers' errors do not know of each other (K-FAC: Martens and Grosse 2015). Columns are
/// encoded in the order of their moments, each error moving the targets of the columns that follow (GPTQ: Frantar et al.
/// 2022), with scales chosen on the way; rows alike, by the factor of `G`. Then codes and scales are improved one by one.
///
/// The result depends on nothing but the arguments: not on the processor, nor on workers.
public struct CalibratedEncoding: Sendable {
  /// Second moments of what the layer is given, as many as the matrix has columns.
  public var inputs: SymmetricMoments
  /// Second moments of the gradient of what it gives, as many as the matrix has rows; nil where rows do not know of each other.
  public var gradients: SymmetricMoments?
  /// Added to the diagonals, as parts of their means.
  public var damping = (inputs: 0.01, gradients: 0.05)
  /// Rows whose codes are chosen before their errors move other rows.
  public var rowsAtOnce = 4
  /// Sweeps of descent.
  public var sweeps = 2
  var kernels = KernelSet.best

  public init(inputs: SymmetricMoments, gradients: SymmetricMoments?) {
    self.inputs = inputs
    self.gradients = gradients
  }

  /// Rows that are encoded before their errors move all others, by one product.
  private static let panelRows = 64

  /// Why nothing was found.
  public enum Failure: Error {
    case momentsNotPositive
    /// The process was asked to stop.
    case interrupted

    fileprivate static func check() throws(Failure) {
      guard Interruption.signal == nil else { throw .interrupted }
    }
  }

  /// - Parameters:
  ///   - values: the matrix, row after row; finite.
  ///   - number: what scales of eight bits are multiplied by.
  /// - Throws: `Failure` where the moments are not those of anything, and soon after the process is asked to stop.
  public func encode(
    _ values: Span<Float>, rows: Int, grid: ScalarGrid, number: Float = 1
  ) throws(Failure) -> CodedRows {
    let columns = inputs.order
    precondition(values.count == rows * columns && (gradients?.order ?? rows) == rows, "shapes do not fit")
    let columnOrder = Self.columnOrder(inputs.diagonal, grid)
    guard let inner = FactoredMoments(inputs, order: columnOrder, damping: damping.inputs, kernels: kernels) else {
      try Failure.check()
      throw .momentsNotPositive
    }
    var outer: FactoredMoments?
    if let gradients {
      let diagonal = gradients.diagonal
      let order = diagonal.indices.sorted { (diagonal[$1], $0) < (diagonal[$0], $1) }
      guard
        let factored = FactoredMoments(
          gradients, order: order, damping: damping.gradients, isTurned: true, kernels: kernels)
      else {
        try Failure.check()
        throw .momentsNotPositive
      }
      outer = factored
    }
    var run = Run(self, values, rows: rows, grid: grid, number: number, inner: inner, outer: outer)
    try run.choose()
    for _ in 0..<sweeps { try run.descend() }
    let rows = run.byRows()
    // Of moments whose products are no numbers nothing comes that could be stored.
    guard rows.isStorable else { throw .momentsNotPositive }
    return rows
  }

  /// Superblocks by their mean moments, the greatest first; so the blocks of each, and the columns of each block.
  static func columnOrder(_ diagonal: [Float], _ grid: ScalarGrid) -> [Int] {
    func ordered(_ range: Range<Int>, by size: Int) -> [Range<Int>] {
      let parts = stride(from: range.lowerBound, to: range.upperBound, by: size).map { $0..<$0 + size }
      let sums = parts.map { part in diagonal[part].reduce(0.0) { $0 + Double($1) } }
      return parts.indices.sorted { (sums[$1], $0) < (sums[$0], $1) }.map { parts[$0] }
    }
    return ordered(0..<diagonal.count, by: grid.superblock).flatMap { superblock in
      ordered(superblock, by: grid.block).flatMap { block in
        block.sorted { (diagonal[$1], $0) < (diagonal[$0], $1) }
      }
    }
  }

  // MARK: - Runs

  /// A matrix on its way.
  private struct Run {
    let encoding: CalibratedEncoding
    let grid: ScalarGrid
    let rows: Int
    let columns: Int
    let inner: FactoredMoments
    let outer: FactoredMoments?
    /// The place of each row.
    let rowOrder: [Int]
    /// The matrix, by the places of rows.
    let weights: Matrix
    /// What is left to be encoded, and where rows are done, what was lost: by the places of rows.
    let targets: Matrix
    let product = KernelSet.productMemory()
    let nested: NestedScales?
    let number: Float
    /// By the places of rows.
    var coded: CodedRows

    init(
      _ encoding: CalibratedEncoding, _ values: Span<Float>, rows: Int, grid: ScalarGrid, number: Float,
      inner: FactoredMoments, outer: FactoredMoments?
    ) {
      self.encoding = encoding
      self.grid = grid
      self.number = number
      self.rows = rows
      self.inner = inner
      self.outer = outer
      columns = inner.order.count
      rowOrder = outer?.order ?? Array(0..<rows)
      weights = Matrix(rows: rows, columns: columns)
      targets = Matrix(rows: rows, columns: columns)
      for (place, row) in rowOrder.enumerated() {
        let source = values.extracting(row * columns..<(row + 1) * columns)
        for matrix in [weights, targets] {
          matrix.withMutableRows(place..<place + 1) { own in
            for column in own.indices { own[column] = source[column] }
          }
        }
      }
      nested = grid.rounding == .nested ? Self.nestedScales(values, rows: rows, grid, inner, encoding.kernels) : nil
      coded = CodedRows(grid: grid, rows: rows, columns: columns)
    }

    /// The offset and the largest scales, from a search of each block by itself. A little room is left for what feedback makes of
    /// them.
    private static func nestedScales(
      _ values: Span<Float>, rows: Int, _ grid: ScalarGrid, _ inner: FactoredMoments, _ kernels: KernelSet
    ) -> NestedScales {
      let columns = inner.order.count
      var weights = [Float](repeating: 0, count: columns)
      for (place, column) in inner.order.enumerated() { weights[column] = inner.weights[place] }
      var all: [Float] = []
      all.reserveCapacity(rows * columns / grid.block)
      var scales = [Float](repeating: 0, count: columns / grid.block)
      for row in 0..<rows {
        kernels.searchScales(
          of: values.extracting(row * columns..<(row + 1) * columns), weights: weights, grid: grid, into: &scales)
        all += scales
      }
      let offset = DoubleQuantization.offset(of: all.span)
      let size = DoubleQuantization.blockSize
      var largest: [Float] = []
      largest.reserveCapacity(all.count)
      for start in stride(from: 0, to: all.count, by: size) {
        let part = all[start..<min(start + size, all.count)]
        let most = part.reduce(Float(0)) { max($0, ($1 - offset).magnitude) } * 1.02
        largest += Array(repeating: most, count: part.count)
      }
      return NestedScales(offset: offset, largest: largest)
    }

    private func empty(_ places: Range<Int>) -> CalibratedRows {
      CalibratedRows(
        coded: CodedRows(grid: grid, rows: places.count, columns: columns), targets: [],
        nested: nested.map { nested in places.flatMap { nested.largest[blocks(ofRow: rowOrder[$0])] } } ?? [],
        nestedOffset: nested?.offset ?? 0, number: number)
    }

    private func blocks(ofRow row: Int) -> Range<Int> {
      row * columns / grid.block..<(row + 1) * columns / grid.block
    }

    // MARK: Choosing

    /// All rows, in their order.
    mutating func choose() throws(Failure) {
      let order = inner.order.map { UInt32($0) }
      var values = [Float](repeating: 0, count: KernelSet.calibratedRows * columns)
      for start in stride(from: 0, to: rows, by: CalibratedEncoding.panelRows) {
        let panel = start..<min(start + CalibratedEncoding.panelRows, rows)
        let group = outer == nil ? KernelSet.calibratedRows : min(encoding.rowsAtOnce, KernelSet.calibratedRows)
        for first in stride(from: panel.lowerBound, to: panel.upperBound, by: group) {
          try Failure.check()
          let places = first..<min(first + group, panel.upperBound)
          choose(places, order: order, values: &values)
          if let outer { move(places.upperBound..<panel.upperBound, by: places, outer) }
        }
        if let outer { move(panel.upperBound..<rows, by: panel, outer) }
      }
    }

    private mutating func choose(_ places: Range<Int>, order: [UInt32], values: inout [Float]) {
      var part = empty(places)
      part.targets.reserveCapacity(places.count * columns)
      for place in places {
        targets.withRow(place) { row in for column in order { part.targets.append(row[Int(column)]) } }
      }
      encoding.kernels.encodeWithFeedback(&part, order: order, factor: inner.factor, weights: inner.weights)
      var span = values.mutableSpan
      var own = span._mutatingExtracting(0..<places.count * columns)
      encoding.kernels.decode(&part, into: &own)
      // What is lost moves later rows.
      for (number, place) in places.enumerated() {
        weights.withRow(place) { weights in
          targets.withMutableRows(place..<place + 1) { lost in
            for column in lost.indices { lost[column] = weights[column] - own[number * columns + column] }
          }
        }
      }
      coded.replace(Array(places), with: part.coded)
    }

    /// Moves the targets of rows by what others have lost.
    private func move(_ later: Range<Int>, by done: Range<Int>, _ outer: FactoredMoments) {
      guard !later.isEmpty else { return }
      encoding.kernels.multiply(
        outer.factor.part(rows: later, columns: done), targets.part(rows: done), into: targets.part(rows: later),
        adding: true, isFused: false, memory: product)
    }

    // MARK: Descent

    /// One sweep over all rows.
    mutating func descend() throws(Failure) {
      let kernels = encoding.kernels
      var values = [Float](repeating: 0, count: columns)
      // What encoding adds, times the moments.
      let added = Matrix(rows: rows, columns: columns)
      for place in 0..<rows {
        var part = row(place)
        var span = values.mutableSpan
        kernels.decode(&part, into: &span)
        weights.withRow(place) { weights in
          added.withMutableRows(place..<place + 1) { own in
            for column in own.indices { own[column] = span[column] - weights[column] }
          }
        }
      }
      let slopes = Matrix(rows: rows, columns: columns)
      kernels.multiply(added.part(), inner.damped.part(), into: slopes.part(), isFused: false, memory: product)
      let panelRows = 16
      let moments = outerMoments()
      let own = Matrix(rows: panelRows, columns: columns)
      for start in stride(from: 0, to: rows, by: panelRows) {
        try Failure.check()
        let panel = start..<min(start + panelRows, rows)
        if let moments {
          kernels.multiply(
            moments.part(rows: panel), slopes.part(), into: own.part(rows: 0..<panel.count), isFused: false,
            memory: product)
        }
        for place in panel {
          var part = row(place)
          let weight = moments.map { $0.withRow(place) { $0[place] } } ?? 1
          (moments == nil ? slopes : own).withRow(moments == nil ? place : place - start) { row in
            for column in row.indices { values[column] = row[column] / weight }
          }
          var changed = values
          var span = changed.mutableSpan
          kernels.descend(&part, moments: inner.damped, slopes: &span)
          coded.replace([place], with: part.coded)
          slopes.withMutableRows(place..<place + 1) { row in
            for column in row.indices { row[column] += span[column] - values[column] }
          }
          guard let moments else { continue }
          for later in place + 1..<max(panel.upperBound, place + 1) {
            let share = moments.withRow(later) { $0[place] }
            own.withMutableRows(later - start..<later - start + 1) { row in
              for column in row.indices { row[column] += share * (span[column] - values[column]) }
            }
          }
        }
      }
    }

    /// What was found, by rows.
    func byRows() -> CodedRows {
      var result = CodedRows(grid: grid, rows: rows, columns: columns)
      result.replace(rowOrder, with: coded)
      result.nested = nested
      return result
    }

    private func row(_ place: Int) -> CalibratedRows {
      var part = empty(place..<place + 1)
      part.coded = coded.rows([place])
      return part
    }

    /// The damped moments of the gradient by the places of rows.
    private func outerMoments() -> Matrix? {
      guard let outer else { return nil }
      let result = Matrix(rows: rows, columns: rows)
      for (place, row) in rowOrder.enumerated() {
        outer.damped.withRow(row) { values in
          result.withMutableRows(place..<place + 1) { own in
            for (other, column) in rowOrder.enumerated() { own[other] = values[column] }
          }
        }
      }
      return result
    }
  }
}
