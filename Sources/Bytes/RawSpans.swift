// The element types here have neither padding nor invalid bit patterns, so viewing them as bytes is safe; the
// standard library's own views do not know that and count as unsafe.

extension Array where Element == UInt8 {
  /// An array of so many bytes, all of which `fill` has to write: what it leaves out may be anything.
  public init<Failure: Error>(
    count: Int, filledBy fill: (inout MutableRawSpan) throws(Failure) -> Void
  ) throws(Failure) {
    var failure: Failure?
    unsafe self.init(unsafeUninitializedCapacity: count) { elements, initializedCount in
      var bytes = unsafe MutableRawSpan(
        _unsafeBytes: UnsafeMutableRawBufferPointer(start: elements.baseAddress, count: count))
      do throws(Failure) {
        try fill(&bytes)
        initializedCount = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  /// Lends the elements as raw bytes to write to.
  public mutating func withMutableBytes<Result, Failure: Error>(
    _ body: (inout MutableRawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var span = mutableSpan
    var bytes = unsafe span.mutableBytes
    return try body(&bytes)
  }

  /// Lends a range of the elements as raw bytes to write to.
  public mutating func withMutableBytes<Result, Failure: Error>(
    in range: Range<Int>, _ body: (inout MutableRawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var span = mutableSpan
    var part = span._mutatingExtracting(range)
    var bytes = unsafe part.mutableBytes
    return try body(&bytes)
  }

  /// Lends the elements as raw bytes.
  public func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(unsafe span.bytes)
  }

  /// Lends a range of the elements as raw bytes.
  public func withBytes<Result, Failure: Error>(
    in range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(unsafe span.extracting(range).bytes)
  }
}

extension Array where Element == Float {
  /// Lends the elements as raw bytes in the machine's byte order.
  public func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(unsafe span.bytes)
  }
}

extension Array where Element == Int64 {
  /// Lends the elements as raw bytes in the machine's byte order.
  public func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(unsafe span.bytes)
  }
}

extension Array where Element: BitwiseCopyable & Numeric {
  /// The elements whose bytes, in the machine's byte order, are `bytes`.
  public init(bytes: RawSpan) {
    let count = bytes.byteCount / MemoryLayout<Element>.stride
    precondition(
      count * MemoryLayout<Element>.stride == bytes.byteCount, "the bytes are not a whole number of elements")
    unsafe self.init(unsafeUninitializedCapacity: count) { elements, initializedCount in
      unsafe bytes.withUnsafeBytes { unsafe UnsafeMutableRawBufferPointer(elements).copyMemory(from: $0) }
      initializedCount = count
    }
  }
}

extension MutableSpan where Element == Float {
  /// Writes `values` from element `offset` on.
  public mutating func copy(_ values: Span<Float>, at offset: Int) {
    precondition(offset >= 0 && values.count <= count - offset, "the values do not fit")
    unsafe withUnsafeMutableBufferPointer { target in
      unsafe values.withUnsafeBufferPointer { source in
        guard let start = target.baseAddress, let values = source.baseAddress else { return }
        unsafe (start + offset).update(from: values, count: source.count)
      }
    }
  }
}

extension MutableRawSpan {
  /// Writes `values` in the machine's byte order from byte `offset` on.
  public mutating func copy(_ values: Span<Float>, at offset: Int) {
    copy(unsafe values.bytes, at: offset)
  }

  /// Writes one Float in the machine's byte order.
  public mutating func store(_ value: Float, at offset: Int) {
    storeBytes(of: value.bitPattern, toByteOffset: offset, as: UInt32.self)
  }

  /// Writes one byte.
  public mutating func store(_ byte: UInt8, at offset: Int) {
    storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
  }

  /// Writes `bytes` from byte `offset` on.
  public mutating func copy(_ bytes: RawSpan, at offset: Int) {
    precondition(offset >= 0 && bytes.byteCount <= byteCount - offset, "the bytes do not fit")
    unsafe withUnsafeMutableBytes { target in
      unsafe bytes.withUnsafeBytes { source in
        guard let start = target.baseAddress, unsafe !source.isEmpty else { return }
        unsafe UnsafeMutableRawBufferPointer(start: start + offset, count: source.count).copyMemory(from: source)
      }
    }
  }
}

extension RawSpan {
  /// One Float in the machine's byte order.
  public func float(at offset: Int) -> Float {
    Float(bitPattern: word(at: offset))
  }

  /// 32 bits in the machine's byte order.
  public func word(at offset: Int) -> UInt32 {
    precondition(offset >= 0 && 4 <= byteCount - offset, "there is no such number")
    return unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
  }

  /// One byte.
  public func byte(at offset: Int) -> UInt8 {
    precondition(offset >= 0 && offset < byteCount, "there is no such byte")
    return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// The first byte that is another one, or is missing in one of both; nil where all are the same.
  public func firstDifference(from other: RawSpan) -> Int? {
    let common = min(byteCount, other.byteCount)
    let index = unsafe withUnsafeBytes { one in
      unsafe other.withUnsafeBytes { other in
        var index = 0
        while index + 8 <= common,
          unsafe one.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            == other.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        { index += 8 }
        while index < common, unsafe one[index] == other[index] { index += 1 }
        return index
      }
    }
    return index < max(byteCount, other.byteCount) ? index : nil
  }
}
