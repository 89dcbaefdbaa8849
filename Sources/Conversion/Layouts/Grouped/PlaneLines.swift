internal import Bytes
internal import Quantization
internal import Tensors

/// A part of each line of a stored matrix.
struct PlaneLines {
  /// Bytes of a line.
  let width: Int
  /// The first byte of the part, and how many.
  let lower: Int
  let count: Int

  /// - Parameter bytes: the parts, one after another.
  func put(_ bytes: [UInt8], _ put: (RawSpan, Int) throws(FileError) -> Void) throws(FileError) {
    guard count != width else { return try bytes.withBytes { bytes throws(FileError) in try put(bytes, 0) } }
    for line in 0..<bytes.count / max(1, count) {
      try bytes.withBytes(in: line * count..<(line + 1) * count) { part throws(FileError) in
        try put(part, line * width + lower)
      }
    }
  }
}
