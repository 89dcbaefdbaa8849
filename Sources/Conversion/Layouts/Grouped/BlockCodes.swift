internal import Bytes
internal import Quantization
internal import Tensors

/// Codes of a matrix in blocks of a ggml type along its rows, which have their scales too.
struct BlockCodes: StoredCodes {
  /// The stored tensor.
  let name: String
  let blocks: GroupedBlocks
  let encoding: Encoding
  /// A multiple of a block.
  let columns: Int

  var columnAlignment: Int { encoding.elementsPerBlock }

  func codes(of part: RowPart, from source: any TensorSource) throws(FileError) -> [UInt8] {
    try groups(of: part, from: source).codes
  }

  /// The groups of a part of whole blocks.
  func groups(of part: RowPart, from source: any TensorSource) throws(FileError) -> EncodedGroups {
    func size(_ elements: Int) -> Int { elements / encoding.elementsPerBlock * encoding.bytesPerBlock }
    var bytes = [UInt8](repeating: 0, count: size(part.count))
    let line = size(part.columns.count)
    if part.columns.count == columns {
      try bytes.withMutableBytes { bytes throws(FileError) in
        try source.read(name, at: size(part.rows.lowerBound * columns), into: &bytes)
      }
    } else {
      for (place, row) in part.rows.enumerated() {
        try bytes.withMutableBytes(in: place * line..<(place + 1) * line) { bytes throws(FileError) in
          try source.read(name, at: size(row * columns + part.columns.lowerBound), into: &bytes)
        }
      }
    }
    var groups = EncodedGroups()
    bytes.withBytes { blocks.open($0, into: &groups) }
    return groups
  }
}

/// The scales in such blocks, each multiplied with a number of its matrix.
struct BlockScales: GroupNumbers {
  let codes: BlockCodes
  /// One for each matrix of a stack.
  let factors: [Float]
  /// Of one matrix.
  let rows: Int

  func stored(ofMatrix matrix: Int?) -> (format: NumberFormat, factor: StoredNumbers.Factor)? {
    let own = matrix.map { factors.indices.contains($0) ? factors[$0] : nil } ?? factors.first
    guard let own, matrix != nil || factors.allSatisfy({ $0 == own }) else { return nil }
    return (GroupForm(codes.blocks).scales, .times(own))
  }

  func values(
    rows range: Range<Int>, groups: Range<Int>, from source: any TensorSource
  ) throws(FileError) -> [Float] {
    guard !range.isEmpty, !groups.isEmpty else { return [] }
    let count = codes.blocks.groupsPerBlock
    let whole = groups.lowerBound / count..<groups.upperBound.dividedRoundingUp(by: count)
    let width = codes.encoding.elementsPerBlock
    let columns = whole.lowerBound * width..<whole.upperBound * width
    let found = try codes.groups(of: RowPart(rows: range, columns: columns), from: source).scales
    var scales: [Float] = []
    scales.reserveCapacity(range.count * groups.count)
    for (place, row) in range.enumerated() {
      let first = place * whole.count * count + groups.lowerBound - whole.lowerBound * count
      let factor = factors[row / rows]
      for scale in found[first..<first + groups.count] { scales.append(scale * factor) }
    }
    return scales
  }
}
