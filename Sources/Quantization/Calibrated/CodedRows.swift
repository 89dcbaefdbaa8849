/// Codes and scales of whole rows: what a calibrated encoder has found, before it is packed.
public struct CodedRows: Sendable {
  public let grid: ScalarGrid
  public let rows: Int
  public let columns: Int
  /// The number of its level, for each element.
  var codes: [UInt8]
  /// For each block of each row.
  var scales: [Float]
  var offsets: [Float]
  var multiples: [Float]
  /// Whole zeros, or multiples of what is taken away.
  var minimums: [Float]
  /// For each superblock of each row.
  var superScales: [Float]
  var superMinimums: [Float]
  /// What scales are made of, where they are quantized in turn.
  public internal(set) var nested: NestedScales?

  /// All zeros.
  /// - Precondition: rows are whole superblocks.
  init(grid: ScalarGrid, rows: Int, columns: Int) {
    precondition(columns > 0 && columns % grid.superblock == 0, "rows are whole superblocks")
    self.grid = grid
    self.rows = rows
    self.columns = columns
    codes = Array(repeating: 0, count: rows * columns)
    let blocks = rows * columns / grid.block
    scales = Array(repeating: 0, count: blocks)
    offsets = scales
    multiples = scales
    minimums = scales
    superScales = Array(repeating: 0, count: rows * columns / grid.superblock)
    superMinimums = superScales
  }

  var blocksPerRow: Int { columns / grid.block }
  var superblocksPerRow: Int { columns / grid.superblock }

  /// Takes rows of others, `row` being where the first of them goes.
  mutating func replace(_ places: [Int], with others: CodedRows) {
    func copy<Value>(_ target: inout [Value], _ source: [Value], _ width: Int) {
      for (from, to) in places.enumerated() {
        for index in 0..<width { target[to * width + index] = source[from * width + index] }
      }
    }
    copy(&codes, others.codes, columns)
    copy(&scales, others.scales, blocksPerRow)
    copy(&offsets, others.offsets, blocksPerRow)
    copy(&multiples, others.multiples, blocksPerRow)
    copy(&minimums, others.minimums, blocksPerRow)
    copy(&superScales, others.superScales, superblocksPerRow)
    copy(&superMinimums, others.superMinimums, superblocksPerRow)
  }

  /// Some rows by themselves.
  func rows(_ places: [Int]) -> CodedRows {
    var result = CodedRows(grid: grid, rows: places.count, columns: columns)
    func part<Value>(_ values: [Value], _ width: Int) -> [Value] {
      places.flatMap { values[$0 * width..<($0 + 1) * width] }
    }
    result.codes = part(codes, columns)
    result.scales = part(scales, blocksPerRow)
    result.offsets = part(offsets, blocksPerRow)
    result.multiples = part(multiples, blocksPerRow)
    result.minimums = part(minimums, blocksPerRow)
    result.superScales = part(superScales, superblocksPerRow)
    result.superMinimums = part(superMinimums, superblocksPerRow)
    return result
  }

  /// One run of elements that a type stores together: `count` of them, from element `first` on.
  func run(from first: Int, count: Int) -> CodedBlock {
    let blocks = first / grid.block..<(first + count) / grid.block
    return CodedBlock(
      codes: codes[first..<first + count].map { Int($0) }, scales: Array(scales[blocks]),
      offsets: Array(offsets[blocks]), multiples: multiples[blocks].map { Int($0) },
      minimums: minimums[blocks].map { Int($0) }, superScale: superScales[first / grid.superblock],
      superMinimum: superMinimums[first / grid.superblock])
  }
}

extension CodedRows {
  /// Whether all codes are those of levels, and all scales are numbers.
  var isStorable: Bool {
    codes.allSatisfy { Int($0) < grid.levels.count } && scales.allSatisfy(\.isFinite) && offsets.allSatisfy(\.isFinite)
  }

  /// What the codes stand for, row after row.
  public func values() -> [Float] {
    var result = [Float](repeating: 0, count: codes.count)
    for row in 0..<rows {
      for column in 0..<columns {
        let block = row * blocksPerRow + column / grid.block
        result[row * columns + column] =
          scales[block] * grid.levels[Int(codes[row * columns + column])] + offsets[block]
      }
    }
    return result
  }
}

/// What the scales of a double quantization are bound to.
public struct NestedScales: Sendable {
  /// Of all scales.
  public internal(set) var offset: Float
  /// For each block of each row the largest magnitude of 256 scales.
  var largest: [Float]

  /// The largest magnitudes as they are stored.
  public var stored: [Float] {
    stride(from: 0, to: largest.count, by: DoubleQuantization.blockSize).map { largest[$0] }
  }
}

extension CodedRows {
  /// The codes of scales that are quantized in turn.
  public func scaleCodes() -> [UInt8] {
    guard let nested else { return [] }
    let map = DoubleQuantization.map
    return scales.indices.map { index in
      let largest = nested.largest[index]
      guard largest > 0 else { return UInt8(map.firstIndex(of: 0) ?? 0) }
      let value = (scales[index] - nested.offset) / largest
      var code = map.firstIndex { $0 >= value } ?? map.count - 1
      if code > 0, value - map[code - 1] <= map[code] - value { code -= 1 }
      return UInt8(code)
    }
  }
}

/// Codes and scales of the elements that one block of a type stores.
public struct CodedBlock: Sendable {
  /// The number of its level, for each element.
  var codes: [Int]
  /// For each block of the grid.
  var scales: [Float]
  var offsets: [Float]
  var multiples: [Int]
  var minimums: [Int]
  var superScale: Float
  var superMinimum: Float
}
