internal import Bytes
internal import Tensors

extension EncodedTensor {
  /// Bytes or elements that are compared at a time.
  private static let partCount = 1 << 18

  /// Whether another weight has the same values, which is found out a part at a time until one differs: the stored bytes
  /// where both are stored alike, the values where they are not.
  func hasSameValues(as other: EncodedTensor) throws(FileError) -> Bool {
    guard shape == other.shape else { return false }
    if let encoding = singleEncoding, encoding == other.singleEncoding { return try hasSameBytes(as: other) }
    guard canBeDecoded, other.canBeDecoded else { return false }
    var scratch: [UInt8] = []
    for start in stride(from: 0, to: elementCount, by: Self.partCount) {
      try Interruption.check(source.name)
      let elements = start..<min(start + Self.partCount, elementCount)
      guard try values(of: elements, &scratch) == other.values(of: elements, &scratch) else { return false }
    }
    return true
  }

  private func values(of elements: Range<Int>, _ scratch: inout [UInt8]) throws(FileError) -> [Float] {
    var values = [Float](repeating: 0, count: elements.count)
    var span = values.mutableSpan
    try read(elements: elements, into: &span, scratch: &scratch)
    return values
  }

  private func hasSameBytes(as other: EncodedTensor) throws(FileError) -> Bool {
    guard byteCount == other.byteCount else { return false }
    var own = [UInt8](repeating: 0, count: min(Self.partCount, byteCount))
    var theirs = own
    for start in stride(from: 0, to: byteCount, by: Self.partCount) {
      try Interruption.check(source.name)
      let count = min(Self.partCount, byteCount - start)
      try own.withMutableBytes(in: 0..<count) { bytes throws(FileError) in
        try source.read(name, at: start, into: &bytes)
      }
      try theirs.withMutableBytes(in: 0..<count) { bytes throws(FileError) in
        try other.source.read(other.name, at: start, into: &bytes)
      }
      guard own[..<count] == theirs[..<count] else { return false }
    }
    return true
  }
}
