internal import Architectures
internal import Bytes
internal import Tensors

/// A stored tensor as a source of parts.
struct StoredPart: PartSource {
  let tensor: any StoredWeight
  let path: String

  var shape: [Int] { tensor.shape }
  var place: (path: String, name: String?) { (path, tensor.name) }
  var copiedEncoding: Encoding? { tensor.copiedEncoding }

  func read(_ part: RowPart, into values: inout MutableSpan<Float>, scratch: inout [UInt8]) throws(FileError) {
    if part.isRun(width: columns) {
      return try tensor.read(elements: part.elements(width: columns), into: &values, scratch: &scratch)
    }
    var start = 0
    for row in part.rows {
      var span = values._mutatingExtracting(start..<start + part.columns.count)
      let own = RowPart(rows: row..<row + 1, columns: part.columns)
      try tensor.read(elements: own.elements(width: columns), into: &span, scratch: &scratch)
      start += part.columns.count
    }
  }

  func readEncoded(_ part: RowPart, into bytes: inout MutableRawSpan) throws(FileError) {
    if part.isRun(width: columns) {
      return try tensor.readEncoded(fromElement: part.elements(width: columns).lowerBound, into: &bytes)
    }
    let size = bytes.byteCount / max(1, part.rows.count)
    for (place, row) in part.rows.enumerated() {
      var span = bytes._mutatingExtracting(place * size..<(place + 1) * size)
      try tensor.readEncoded(fromElement: row * columns + part.columns.lowerBound, into: &span)
    }
  }
}
