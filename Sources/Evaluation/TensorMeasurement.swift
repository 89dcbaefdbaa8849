public import Bytes
internal import Synchronization
internal import Tensors

/// Measures what happened to tensors, reading both sides a slab at a time: whole rows where they fit it.
public struct TensorMeasurement: Sendable {
  public var workers: Workers

  public init(workers: Workers = Workers()) { self.workers = workers }

  /// Elements of a slab, about. Fixed, so that sums do not depend on the number of workers.
  private static let slabElements = 1 << 18

  /// Errors of tensors, the greatest relative error first.
  /// - Parameter progress: is called with the number of slabs done and that of all, from one task at a time.
  /// - Throws: `EvaluationError` when the shapes of a pair differ; `FileError` when a tensor cannot be read;
  ///   `CancellationError`.
  public func errors(
    of pairs: [TensorPair], progress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) async throws -> [TensorError] {
    TensorError.ranked(try await errorsInOrder(of: pairs, progress: progress))
  }

  /// The same in the order of the pairs, each without its share of the error of all.
  /// - Parameter progress: is called with the number of slabs done and that of all, from one task at a time.
  /// - Throws: `EvaluationError` when the shapes of a pair differ; `FileError` when a tensor cannot be read;
  ///   `CancellationError`.
  public func errorsInOrder(
    of pairs: [TensorPair], progress: @escaping @Sendable (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) async throws -> [TensorError] {
    for pair in pairs where pair.before.shape != pair.after.shape {
      throw EvaluationError.shapesDiffer(name: pair.name, before: pair.before.shape, after: pair.after.shape)
    }
    let slabs = pairs.indices.flatMap { index in
      let count = pairs[index].before.elementCount
      let size = pairs[index].before.slabElements(atMost: Self.slabElements)
      return stride(from: 0, to: count, by: size).map { (pair: index, elements: $0..<min($0 + size, count)) }
    }
    let count = slabs.count
    let counter = Counter()
    let memories = (0..<workers.count).map { _ in Memory() }
    let results = try await workers.map(count) { item, worker in
      let slab = slabs[item]
      let difference = try memories[worker].contents.withLock { memory throws(FileError) in
        try memory.difference(pairs[slab.pair], elements: slab.elements)
      }
      counter.done.withLock {
        $0 += 1
        progress($0, count)
      }
      return difference
    }
    var sums = [RowKernels.Difference](repeating: RowKernels.Difference(), count: pairs.count)
    for (slab, result) in zip(slabs, results) { sums[slab.pair].add(result) }
    return zip(pairs, sums).map { TensorError($0, $1) }
  }

  private final class Counter: Sendable {
    let done = Mutex(0)
  }

  /// What one worker keeps from slab to slab; nobody else ever waits for it.
  private final class Memory: Sendable {
    let contents = Mutex(Contents())

    struct Contents: Sendable {
      private var before: [Float] = []
      private var after: [Float] = []
      private var encoded: [UInt8] = []

      mutating func difference(_ pair: TensorPair, elements: Range<Int>) throws(FileError) -> RowKernels.Difference {
        let count = elements.count
        if before.count < count {
          before = [Float](repeating: 0, count: count)
          after = [Float](repeating: 0, count: count)
        }
        try Self.read(pair.before, elements, into: &before, &encoded)
        try Self.read(pair.after, elements, into: &after, &encoded)
        return RowKernels.Difference(
          before: before.span.extracting(0..<count), after: after.span.extracting(0..<count))
      }

      private static func read(
        _ source: any RowSource, _ elements: Range<Int>, into values: inout [Float], _ encoded: inout [UInt8]
      ) throws(FileError) {
        var span = values.mutableSpan
        var part = span._mutatingExtracting(0..<elements.count)
        try source.read(elements: elements, into: &part, scratch: &encoded)
      }
    }
  }
}

extension TensorError {
  fileprivate init(_ pair: TensorPair, _ sums: RowKernels.Difference) {
    let norms = (sums.beforeSquared * sums.afterSquared).squareRoot()
    self.init(
      name: pair.name, shape: pair.before.shape, encodingBefore: pair.encodingBefore,
      encodingAfter: pair.encodingAfter,
      relativeSquaredError: sums.squaredError == 0 ? 0 : sums.squaredError / sums.beforeSquared,
      squaredError: sums.squaredError, largestError: sums.largestError,
      cosine: sums.squaredError == 0 ? 1 : norms == 0 ? 0 : sums.product / norms, shareOfError: 0)
  }
}
