internal import Bytes
internal import Quantization
internal import Synchronization
internal import Tensors

/// A run of elements of one planned tensor, small enough for a worker's buffers: whole rows, or a part of one that is too
/// long. For stored tensors that are copied whole, all of them.
struct Slab: Sendable {
  /// Number of the plan.
  let plan: Int
  let tensor: Int
  /// Whether the slab before it had the same values, so that the worker still holds them.
  let sharesValues: Bool
  let number: Int
  let elements: Range<Int>
  let progress: TensorProgress
}

/// What the slabs of one tensor share.
final class TensorProgress: Sendable {
  private struct State {
    var remaining: Int
    /// Made when the first slab asks for it.
    var encoder: (any SlabEncoder)?
    /// Squared norms by slab, so that their sum does not depend on which worker was first.
    var change: [Double]
    var original: [Double]
    /// Whether a value that is not zero is none afterwards either.
    var isKept = false
    /// The largest magnitude of those that are zero afterwards.
    var largestLost: Float = 0
  }

  private let state: Mutex<State>
  /// Planes that are put together, by their numbers.
  private let planes = Mutex<[Int: [UInt8]]>([:])

  init(slabCount: Int) {
    state = Mutex(
      State(
        remaining: slabCount, change: Array(repeating: 0, count: slabCount),
        original: Array(repeating: 0, count: slabCount)))
  }

  /// Counts a slab as done.
  /// - Returns: the part of all that is done now, 1 after the last; nil where it is hardly more than before.
  func finishSlab() -> Double? {
    state.withLock { state in
      state.remaining -= 1
      guard state.remaining > 0 else { return 1 }
      let (count, done) = (state.change.count, state.change.count - state.remaining)
      return done * Self.steps / count > (done - 1) * Self.steps / count ? Double(done) / Double(count) : nil
    }
  }

  /// Parts that are told of.
  private static let steps = 256

  /// The encoder of all slabs, which is prepared once.
  func encoder(_ planned: PlannedTensor, _ encoder: any TensorEncoder) -> any SlabEncoder {
    state.withLock { state in
      let prepared = state.encoder ?? encoder.prepared(for: planned.shape)
      state.encoder = prepared
      return prepared
    }
  }

  /// Puts lines of a plane into memory until all are there.
  func gather(_ bytes: RawSpan, _ lines: PlaneLines, ofPlane number: Int, byteCount: Int) {
    planes.withLock { planes in
      // Taken out, so that it is changed in place.
      var plane = planes.removeValue(forKey: number) ?? [UInt8](repeating: 0, count: byteCount)
      plane.withMutableBytes { plane in lines.forEach(in: bytes) { plane.copy($0, at: $1) } }
      planes[number] = plane
    }
  }

  /// A plane that was put together, which is given up; nil for any other.
  func gathered(plane number: Int) -> [UInt8]? { planes.withLock { $0.removeValue(forKey: number) } }

  func keep(_ survival: Survival) {
    state.withLock { state in
      switch survival {
      case .nothingToLose: break
      case .kept: state.isKept = true
      case .lost(let largest): state.largestLost = max(state.largestLost, largest)
      }
    }
  }

  /// The largest magnitude of a tensor that has become zero, and was not; nil for any other.
  func largestLost() -> Float? {
    state.withLock { $0.isKept || $0.largestLost == 0 ? nil : $0.largestLost }
  }

  func keep(change: Double, original: Double, slab: Int) {
    state.withLock { state in
      state.change[slab] = change
      state.original[slab] = original
    }
  }

  /// ‖W' − W‖ / ‖W‖ over all slabs.
  func relativeChange() -> Double {
    state.withLock { state in
      let original = state.original.reduce(0, +)
      return original == 0 ? 0 : (state.change.reduce(0, +) / original).squareRoot()
    }
  }
}

/// A tensor of one of several plans.
struct PlacedWeight: Sendable {
  /// Number of the plan.
  let plan: Int
  let tensor: Int
}

/// Hands out the slabs of plans in order, one at a time, with those of other plans that have the same values.
final class SlabQueue: Sendable {
  private struct Cursor {
    /// In `bundles`.
    var place = 0
    var slab = 0
    /// Of the tensors under way.
    var slabElements = 0
    /// Of each of them.
    var progress: [TensorProgress] = []
  }

  private let plans: [Plan]
  private let bundles: [[PlacedWeight]]
  private let cursor = Mutex(Cursor())

  /// Elements of a slab that is copied as it is: fewer and longer reads and writes.
  private static let copiedElements = 1 << 19
  /// Of one that becomes groups.
  private static let groupedElements = 1 << 18
  /// Of one whose groups are kept: codes take a byte each, values four.
  private static let repackedElements = 1 << 20
  /// Of one whose rows are columns of what is kept in memory: lines are not shorter than what a cache moves.
  private static let heldElements = 1 << 19
  /// Of one whose lines are put together in memory.
  private static let gatheredElements = 1 << 20
  /// Of one whose rows are columns of what is read or written: the taller, the longer are the runs that are read or written.
  private static let turnedElements = 1 << 22

  /// - Parameter bundles: weights of several plans that have the same values are in one.
  init(_ plans: [Plan], _ bundles: [[PlacedWeight]]) {
    self.plans = plans
    // Types may want to have them in other pieces.
    self.bundles = bundles.flatMap { bundle in
      bundle.count == 1
        ? [bundle]
        : Dictionary(grouping: bundle) { Self.elementsPerSlab(plans[$0.plan].tensors[$0.tensor]) }
          .sorted { $0.key < $1.key }.map(\.value)
    }
  }

  /// Slabs of the same elements, which one worker deals with one after the other.
  func next() -> [Slab]? {
    cursor.withLock { cursor in
      guard cursor.place < bundles.count else { return nil }
      let bundle = bundles[cursor.place]
      let first = plans[bundle[0].plan].tensors[bundle[0].tensor]
      if cursor.slab == 0 { cursor.slabElements = Self.elementsPerSlab(first) }
      let slabCount = max(1, first.elementCount.dividedRoundingUp(by: cursor.slabElements))
      if cursor.slab == 0 { cursor.progress = bundle.map { _ in TensorProgress(slabCount: slabCount) } }
      let start = cursor.slab * cursor.slabElements
      let elements = start..<min(start + cursor.slabElements, first.elementCount)
      let slabs = bundle.indices.map { index in
        Slab(
          plan: bundle[index].plan, tensor: bundle[index].tensor, sharesValues: index > 0, number: cursor.slab,
          elements: elements, progress: cursor.progress[index])
      }
      cursor.slab += 1
      if cursor.slab == slabCount {
        cursor.place += 1
        cursor.slab = 0
        cursor.progress = []
      }
      return slabs
    }
  }

  /// Whole rows and whole blocks, or whole blocks alone where a row is too long or blocks run over row ends.
  private static func elementsPerSlab(_ planned: PlannedTensor) -> Int {
    func elements(_ limit: Int, _ block: Int) -> Int {
      let wholeRows = planned.rows.slabElements(atMost: limit)
      return wholeRows % block == 0 ? wholeRows : max(1, limit / block) * block
    }
    let isHeld = planned.rows.isStoredByColumns && planned.rows.isHeld
    let isTurned = planned.rows.isStoredByColumns && !isHeld
    switch planned.action {
    case .copyStored:
      return max(1, planned.elementCount)
    case .group(let output) where output.calibrated != nil:
      return max(1, planned.shape.suffix(2).reduce(1, *))
    case .group(let output):
      let height = output.rowAlignment
      let isTurned = isTurned || (output.isTurned && !planned.gathersPlanes)
      let limit =
        isTurned
        ? (output.isRepacked ? 2 * turnedElements : turnedElements)
        : planned.gathersPlanes
          ? gatheredElements : output.isRepacked ? repackedElements : isHeld ? heldElements : groupedElements
      return max(1, limit / max(1, planned.rows.columns * height)) * height * max(1, planned.rows.columns)
    case .copyRows:
      return elements(copiedElements, planned.planes.first?.descriptor.encoding.elementsPerBlock ?? 1)
    case .encode(let encoder) where encoder.needsWholeMatrices:
      return max(1, planned.shape.suffix(2).reduce(1, *))
    case .encode(let encoder):
      let limit = isTurned ? turnedElements : isHeld ? heldElements : DerivedTensor.slabElements
      return elements(
        encoder.needsWholeRows ? max(limit, planned.rows.columns) : limit, encoder.codec.elementsPerBlock)
    }
  }
}
