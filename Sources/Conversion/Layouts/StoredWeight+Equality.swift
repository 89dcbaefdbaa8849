internal import Bytes
internal import Tensors

/// Bytes or elements that are compared at a time.
private let partCount = 1 << 18

extension StoredWeight {
  /// Whether another weight has the same values, which is found out a part at a time until one differs: the stored bytes
  /// where both are stored alike, the values where they are not.
  func hasSameValues(as other: any StoredWeight) throws(FileError) -> Bool {
    guard shape == other.shape else { return false }
    if let encoding = copiedEncoding, encoding == other.copiedEncoding { return try hasSameBlocks(as: other, encoding) }
    guard refusalToDecode == nil, other.refusalToDecode == nil else { return false }
    var scratch: [UInt8] = []
    for start in stride(from: 0, to: elementCount, by: partCount) {
      try Interruption.check(source.name)
      let elements = start..<min(start + partCount, elementCount)
      guard try values(of: elements, &scratch) == other.values(of: elements, &scratch) else { return false }
    }
    return true
  }

  fileprivate func values(of elements: Range<Int>, _ scratch: inout [UInt8]) throws(FileError) -> [Float] {
    var values = [Float](repeating: 0, count: elements.count)
    var span = values.mutableSpan
    try read(elements: elements, into: &span, scratch: &scratch)
    return values
  }

  private func hasSameBlocks(as other: any StoredWeight, _ encoding: Encoding) throws(FileError) -> Bool {
    let blocks = elementCount / encoding.elementsPerBlock
    let step = max(1, partCount / encoding.bytesPerBlock)
    var own = [UInt8](repeating: 0, count: min(step, blocks) * encoding.bytesPerBlock)
    var theirs = own
    for start in stride(from: 0, to: blocks, by: step) {
      try Interruption.check(source.name)
      let count = min(step, blocks - start) * encoding.bytesPerBlock
      let element = start * encoding.elementsPerBlock
      try own.withMutableBytes(in: 0..<count) { bytes throws(FileError) in
        try readEncoded(fromElement: element, into: &bytes)
      }
      try theirs.withMutableBytes(in: 0..<count) { bytes throws(FileError) in
        try other.readEncoded(fromElement: element, into: &bytes)
      }
      guard own[..<count] == theirs[..<count] else { return false }
    }
    return true
  }
}
