/// Bytes that files of a container have at a place near their beginning.
struct Magic: Sendable, ExpressibleByArrayLiteral {
  let offset: Int
  let bytes: [UInt8]

  init(_ bytes: some Sequence<UInt8>, at offset: Int = 0) {
    self.offset = offset
    self.bytes = Array(bytes)
  }

  init(arrayLiteral bytes: UInt8...) { self.init(bytes) }

  func isIn(_ start: [UInt8]) -> Bool { start.dropFirst(offset).starts(with: bytes) }
}
