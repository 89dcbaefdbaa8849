internal import Bytes
internal import Conversion
internal import Quantization
internal import Synchronization
internal import Tensors

/// What the values of a weight are like: a NaN or infinite scale of a block makes all of its values so.
struct ValueScan: Sendable {
  private(set) var nanCount = 0
  private(set) var infiniteCount = 0
  private(set) var isZero = true

  /// Elements of a slab, about.
  private static let slabElements = 1 << 18

  /// Reads every weight that can be decoded.
  /// - Returns: nil for those that cannot be, in the order of the weights.
  static func all(
    of weights: [any StoredWeight], workers: Workers, onProgress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void
  ) async throws(FileError) -> [ValueScan?] {
    let slabs = weights.indices.filter { weights[$0].refusalToDecode == nil }.flatMap { index in
      let count = weights[index].elementCount
      let size = weights[index].slabElements(atMost: slabElements)
      return stride(from: 0, to: count, by: size).map { (weight: index, elements: $0..<min($0 + size, count)) }
    }
    let count = slabs.count
    let counter = Counter()
    let parts = try await workers.map(count) { (number, _) throws(FileError) in
      try Interruption.check(weights[slabs[number].weight].source.name)
      let scan = try ValueScan(of: weights[slabs[number].weight], slabs[number].elements)
      counter.done.withLock {
        $0 += 1
        onProgress($0, count)
      }
      return scan
    }
    var scans = weights.map { $0.refusalToDecode == nil ? ValueScan() : nil }
    for (slab, part) in zip(slabs, parts) { scans[slab.weight]?.add(part) }
    return scans
  }

  private init() {}

  private final class Counter: Sendable {
    let done = Mutex(0)
  }

  private init(of weight: any StoredWeight, _ elements: Range<Int>) throws(FileError) {
    var values = [Float](repeating: 0, count: elements.count)
    var scratch: [UInt8] = []
    var span = values.mutableSpan
    try weight.read(elements: elements, into: &span, scratch: &scratch)
    guard KernelSet.best.firstNonFinite(in: values.span) != nil else {
      isZero = KernelSet.best.sumOfSquares(values.span) == 0
      return
    }
    isZero = false
    nanCount = values.count { $0.isNaN }
    infiniteCount = values.count { $0.isInfinite }
  }

  private mutating func add(_ other: ValueScan) {
    nanCount += other.nanCount
    infiniteCount += other.infiniteCount
    isZero = isZero && other.isZero
  }
}
