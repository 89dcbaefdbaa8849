internal import Bytes
internal import Digests
internal import Quantization
internal import Tensors

/// Columns sorted by the group that each belongs to, so that groups are runs of them.
struct ColumnSort: Sendable {
  /// The column at each place.
  let columns: [Int]
  /// What tells it from others.
  let digest: String

  /// nil where groups do not all have `size` columns.
  init?(groupOfColumn groups: [Int32], size: Int) {
    guard size > 0, groups.count % size == 0 else { return nil }
    var counts = [Int](repeating: 0, count: groups.count / size)
    for group in groups where counts.indices.contains(Int(group)) { counts[Int(group)] += 1 }
    guard counts.allSatisfy({ $0 == size }) else { return nil }
    columns = groups.indices.sorted { (groups[$0], $0) < (groups[$1], $1) }
    var stream = FastDigest.Stream()
    groups.flatMap { UInt32(bitPattern: $0).littleEndianBytes }.withBytes { stream.add($0) }
    digest = stream.digest.description
  }

  /// Codes of whole rows in that order.
  func sorted(_ codes: [UInt8]) -> [UInt8] {
    var result = codes
    for row in stride(from: 0, to: codes.count, by: columns.count) {
      for (place, column) in columns.enumerated() { result[row + place] = codes[row + column] }
    }
    return result
  }

  /// A run of columns of whole rows that were sorted.
  func sorted(_ codes: [UInt8], columns run: Range<Int>) -> [UInt8] {
    guard run.count < columns.count else { return sorted(codes) }
    var result: [UInt8] = []
    result.reserveCapacity(codes.count / columns.count * run.count)
    for row in stride(from: 0, to: codes.count, by: columns.count) {
      for column in columns[run] { result.append(codes[row + column]) }
    }
    return result
  }

  /// Codes of whole rows in the order of columns again.
  func restored(_ codes: [UInt8]) -> [UInt8] {
    var result = codes
    for row in stride(from: 0, to: codes.count, by: columns.count) {
      for (place, column) in columns.enumerated() { result[row + column] = codes[row + place] }
    }
    return result
  }
}

/// Codes of columns in another order than they are stored.
struct SortedCodes: StoredCodes {
  let codes: any StoredCodes
  let sort: ColumnSort

  var columnAlignment: Int { 1 }
  var isByColumns: Bool { codes.isByColumns }

  func codes(of part: RowPart, from source: any TensorSource) throws(FileError) -> [UInt8] {
    let whole = RowPart(rows: part.rows, columns: 0..<sort.columns.count)
    return sort.sorted(
      try codes.codes(ofAny: whole, columns: sort.columns.count, from: source), columns: part.columns)
  }
}
