internal import Bytes
internal import Tensors

/// A tensor of a file: a view of a storage, given out as rows of little-endian elements, as if it lay so.
struct StridedTensor {
  let descriptor: TensorDescriptor
  /// Where its storage, or the part of one, begins in the file.
  let storageOffset: Int
  /// Elements before the first.
  let offset: Int
  /// Elements from one to the next in each dimension. Views that repeat elements have zeros.
  let strides: [Int]
  let isBigEndian: Bool
  /// Dimensions that matter, outermost first: those of one element are left out, and those that follow each other without
  /// a gap are one.
  private let dimensions: [(count: Int, stride: Int)]

  /// Elements that are put in order at once.
  private static let pieceByteCount = 1 << 18
  /// Most bytes that are read at once for those in them.
  private static let spanByteCount = 1 << 20
  /// A gap that costs about as much to read as another call does.
  private static let gapByteCount = 1 << 13

  init(_ descriptor: TensorDescriptor, storageOffset: Int, offset: Int, strides: [Int], isBigEndian: Bool) {
    self.descriptor = descriptor
    self.storageOffset = storageOffset
    self.offset = offset
    self.strides = strides
    self.isBigEndian = isBigEndian && descriptor.encoding.bytesPerNumber > 1
    var dimensions: [(count: Int, stride: Int)] = []
    // Strides of a tensor without elements can be anything.
    for (count, stride) in zip(descriptor.shape, strides) where count != 1 && descriptor.elementCount > 0 {
      if let last = dimensions.last, last.stride == count * stride {
        dimensions[dimensions.count - 1] = (last.count * count, stride)
      } else {
        dimensions.append((count, stride))
      }
    }
    self.dimensions = dimensions
  }

  /// Whether its bytes are a run of the file's.
  private var isRun: Bool {
    !isBigEndian && (dimensions.isEmpty || dimensions.count == 1 && dimensions[0].stride == 1)
  }

  private var elementByteCount: Int { descriptor.encoding.bytesPerBlock }

  /// Fills `bytes` with those that begin `start` bytes into the tensor; both have been checked against its length.
  func read(at start: Int, into bytes: inout MutableRawSpan, from source: any ByteSource) throws(FileError) {
    guard bytes.byteCount > 0 else { return }
    let size = elementByteCount
    if isRun {
      return try source.read(at: storageOffset + offset * size + start, into: &bytes, subject: descriptor.name)
    }
    var done = 0
    while done < bytes.byteCount {
      let first = (start + done) / size
      let skipped = (start + done) % size
      let count = min(bytes.byteCount - done, Self.pieceByteCount - skipped)
      let elements = (skipped + count).dividedRoundingUp(by: size)
      var piece = [UInt8](repeating: 0, count: elements * size)
      try gather(first..<first + elements, into: &piece, from: source)
      if isBigEndian { Self.turn(&piece, descriptor.encoding.bytesPerNumber) }
      piece.withBytes(in: skipped..<skipped + count) { bytes.copy($0, at: done) }
      done += count
    }
  }

  private static func turn(_ bytes: inout [UInt8], _ width: Int) {
    for start in stride(from: 0, to: bytes.count, by: width) {
      for index in 0..<width / 2 { bytes.swapAt(start + index, start + width - 1 - index) }
    }
  }

  // MARK: - Elements in order

  /// A block of elements: where its first is in the storage and in what is made of it, and its dimensions in both.
  private struct Block {
    var start: Int
    var target: Int
    var dimensions: [(count: Int, stride: Int, targetStride: Int)]

    /// Elements from its first to its last in the storage.
    var span: Int { dimensions.reduce(1) { $0 + ($1.count - 1) * $1.stride } }
  }

  private func gather(
    _ elements: Range<Int>, into bytes: inout [UInt8], from source: any ByteSource
  ) throws(FileError) {
    var target = 0
    try gather(elements, of: 0, at: offset, target: &target, into: &bytes, from: source)
  }

  /// Elements of what is left of the tensor from dimension `number` on, which begins at `start`: rows of it that are
  /// whole are one block, and those at the ends that are not are taken apart.
  private func gather(
    _ elements: Range<Int>, of number: Int, at start: Int, target: inout Int, into bytes: inout [UInt8],
    from source: any ByteSource
  ) throws(FileError) {
    let inner = dimensions.dropFirst(number + 1)
    let rowCount = inner.reduce(1) { $0 * $1.count }
    guard number < dimensions.count else {
      try fill(Block(start: start, target: target, dimensions: []), into: &bytes, from: source)
      target += 1
      return
    }
    let step = dimensions[number].stride
    var next = elements.lowerBound
    while next < elements.upperBound {
      let (row, place) = next.quotientAndRemainder(dividingBy: rowCount)
      let whole = (elements.upperBound - next) / rowCount
      if place == 0, whole > 0 {
        var block = Block(start: start + row * step, target: target, dimensions: [(whole, step, rowCount)])
        var width = rowCount
        for dimension in inner {
          width /= dimension.count
          block.dimensions.append((dimension.count, dimension.stride, width))
        }
        try fill(block, into: &bytes, from: source)
        target += whole * rowCount
        next += whole * rowCount
      } else {
        let end = min(elements.upperBound, (row + 1) * rowCount)
        try gather(
          place..<place + end - next, of: number + 1, at: start + row * step, target: &target, into: &bytes,
          from: source)
        next = end
      }
    }
  }

  /// Reads a block at once, or takes it apart where most of what lies between its elements is not its own.
  private func fill(_ block: Block, into bytes: inout [UInt8], from source: any ByteSource) throws(FileError) {
    let size = elementByteCount
    let widest = block.dimensions.indices.max {
      (block.dimensions[$0].count > 1 ? block.dimensions[$0].stride : 0)
        < (block.dimensions[$1].count > 1 ? block.dimensions[$1].stride : 0)
    }
    let span = block.span
    if let widest, block.dimensions[widest].count > 1, block.dimensions[widest].stride > 0 {
      let dimension = block.dimensions[widest]
      let gap = dimension.stride - (span - (dimension.count - 1) * dimension.stride)
      let isSparse = gap > Self.gapByteCount / size
      if isSparse || span > Self.spanByteCount / size {
        let step = isSparse ? 1 : dimension.count / 2
        for first in stride(from: 0, to: dimension.count, by: step) {
          var part = block
          part.start += first * dimension.stride
          part.target += first * dimension.targetStride
          part.dimensions[widest].count = min(step, dimension.count - first)
          try fill(part, into: &bytes, from: source)
        }
        return
      }
    }
    let stored = try source.bytes(
      at: storageOffset + block.start * size, count: span * size, subject: descriptor.name)
    Self.copy(block.dimensions[...], of: stored, at: 0, to: &bytes, at: block.target, size: size)
  }

  private static func copy(
    _ dimensions: ArraySlice<(count: Int, stride: Int, targetStride: Int)>, of stored: [UInt8], at start: Int,
    to bytes: inout [UInt8], at target: Int, size: Int
  ) {
    guard let dimension = dimensions.first else {
      for index in 0..<size { bytes[target * size + index] = stored[start * size + index] }
      return
    }
    if dimensions.count == 1 {
      for number in 0..<dimension.count {
        let (from, to) = ((start + number * dimension.stride) * size, (target + number * dimension.targetStride) * size)
        for index in 0..<size { bytes[to + index] = stored[from + index] }
      }
      return
    }
    for number in 0..<dimension.count {
      copy(
        dimensions.dropFirst(), of: stored, at: start + number * dimension.stride, to: &bytes,
        at: target + number * dimension.targetStride, size: size)
    }
  }
}
