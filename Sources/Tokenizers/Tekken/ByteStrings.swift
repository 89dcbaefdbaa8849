/// Many short strings of bytes in one array.
struct ByteStrings: Sendable {
  private(set) var bytes: [UInt8] = []
  private var ends: [Int] = []

  var count: Int { ends.count }

  /// Appends what `body` appends to the bytes as one string.
  mutating func append(_ body: (inout [UInt8]) -> Bool) -> Bool {
    guard body(&bytes) else { return false }
    ends.append(bytes.count)
    return true
  }

  /// Where a string lies in `bytes`.
  func range(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

  subscript(index: Int) -> ArraySlice<UInt8> { bytes[range(index)] }

  /// Keeps the first `count` strings.
  mutating func cut(to count: Int) {
    guard count < self.count else { return }
    bytes.removeSubrange((count == 0 ? 0 : ends[count - 1])...)
    ends.removeSubrange(count...)
  }
}
