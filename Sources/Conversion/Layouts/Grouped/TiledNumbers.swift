internal import Bytes
internal import Tensors

/// Numbers of a byte in tiles of 128 rows by 4 groups, as NVIDIA's tensor cores read them: a tile has 32 runs of 16 bytes, a
/// run the numbers of the rows `r`, `r + 32`, `r + 64` and `r + 96`. What tiles have beyond the matrix is not used. Source:
/// cuBLAS documentation, "1D block scaling factors layout"; torchao `prototype/mx_formats/utils.py`.
struct TiledNumbers: GroupNumbers {
  let name: String
  let format: NumberFormat
  /// Of a row of the matrix that is meant.
  let groups: Int
  var factor = StoredNumbers.Factor.none

  private static let tileRows = 128
  private static let tileGroups = 4
  private static let tileBytes = tileRows * tileGroups

  /// Bytes of the tiles of a matrix; nil for more than there can be.
  static func byteCount(rows: Int, groups: Int) -> Int? {
    let tiles = rows.dividedRoundingUp(by: tileRows).multipliedReportingOverflow(
      by: groups.dividedRoundingUp(by: tileGroups))
    let (bytes, isTooMany) = tiles.partialValue.multipliedReportingOverflow(by: tileBytes)
    return tiles.overflow || isTooMany ? nil : bytes
  }

  func values(
    rows: Range<Int>, groups range: Range<Int>, from source: any TensorSource
  ) throws(FileError) -> [Float] {
    guard !rows.isEmpty, !range.isEmpty else { return [] }
    let tilesPerRow = groups.dividedRoundingUp(by: Self.tileGroups)
    let tiles = range.lowerBound / Self.tileGroups..<range.upperBound.dividedRoundingUp(by: Self.tileGroups)
    var stored: [UInt8] = []
    stored.reserveCapacity(rows.count * range.count)
    var line = [UInt8](repeating: 0, count: tiles.count * Self.tileBytes)
    var row = rows.lowerBound
    while row < rows.upperBound {
      let tileRow = row / Self.tileRows
      try line.withMutableBytes { line throws(FileError) in
        try source.read(name, at: (tileRow * tilesPerRow + tiles.lowerBound) * Self.tileBytes, into: &line)
      }
      let end = min(rows.upperBound, (tileRow + 1) * Self.tileRows)
      for inner in row - tileRow * Self.tileRows..<end - tileRow * Self.tileRows {
        let place = inner % 32 * 16 + inner / 32 * Self.tileGroups
        for group in range {
          let tile = group / Self.tileGroups - tiles.lowerBound
          stored.append(line[tile * Self.tileBytes + place + group % Self.tileGroups])
        }
      }
      row = end
    }
    var numbers = format.decode(stored)
    factor.apply(to: &numbers)
    return numbers
  }
}
