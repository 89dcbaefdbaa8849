internal import Bytes
internal import Quantization
internal import Synchronization
internal import Tensors

/// A run of rows of one planned tensor, small enough for a worker's buffers; for stored tensors that are copied whole,
/// all of them.
struct Slab: Sendable {
  let tensor: Int
  let number: Int
  let rows: Range<Int>
  let elementCount: Int
  let progress: TensorProgress
}

/// What the slabs of one tensor share.
final class TensorProgress: Sendable {
  private struct State {
    var remaining: Int
    /// Absmax of every block, of a weight whose scales are quantized last.
    var scales: [Float] = []
    /// Squared norms by slab, so that their sum does not depend on which worker was first.
    var change: [Double]
    var original: [Double]
  }

  private let state: Mutex<State>

  init(slabCount: Int) {
    state = Mutex(
      State(
        remaining: slabCount, change: Array(repeating: 0, count: slabCount),
        original: Array(repeating: 0, count: slabCount)))
  }

  /// Counts a slab as done.
  /// - Returns: whether it was the last.
  func finishSlab() -> Bool {
    state.withLock { state in
      state.remaining -= 1
      return state.remaining == 0
    }
  }

  /// Keeps the scales of a slab's blocks, of `total` in all.
  func keep(scales: [Float], at first: Int, of total: Int) {
    state.withLock { state in
      if state.scales.isEmpty { state.scales = Array(repeating: 0, count: total) }
      var all = state.scales.mutableSpan
      all.copy(scales.span, at: first)
    }
  }

  /// All scales; they are given up.
  func takeScales() -> [Float] {
    state.withLock { state in
      let scales = state.scales
      state.scales = []
      return scales
    }
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

/// Hands out the slabs of a plan in order, one at a time.
final class SlabQueue: Sendable {
  private struct Cursor {
    var tensor = 0
    var slab = 0
    var progress: TensorProgress?
    var merged: [(name: String, change: @Sendable () -> Double)] = []
    var isStopped = false
  }

  private let plan: Plan
  /// The tensors that are there already.
  private let finished: [Int: FinishedTensor]
  private let cursor = Mutex(Cursor())

  /// Elements of a slab that is encoded: 512 KiB of Float, which stays in a core's second-level cache together with the
  /// bytes that are read and written.
  private static let encodedElements = 1 << 17
  /// Elements of a slab that is copied as it is: fewer and longer reads and writes.
  private static let copiedElements = 1 << 19

  init(_ plan: Plan, finished: [Int: FinishedTensor]) {
    self.plan = plan
    self.finished = finished
  }

  func stop() { cursor.withLock { $0.isStopped = true } }

  func next() -> Slab? {
    cursor.withLock { cursor in
      while let tensor = finished[cursor.tensor] {
        let planned = plan.tensors[cursor.tensor]
        if planned.isMerged { cursor.merged.append((planned.name, { tensor.relativeChange })) }
        cursor.tensor += 1
      }
      guard !cursor.isStopped, cursor.tensor < plan.tensors.count else { return nil }
      let planned = plan.tensors[cursor.tensor]
      let rowCount = planned.rows.rowCount
      let slabRows = Self.rowsPerSlab(planned)
      let slabCount = max(1, rowCount.dividedRoundingUp(by: slabRows))
      let progress = cursor.progress ?? TensorProgress(slabCount: slabCount)
      if cursor.progress == nil, planned.isMerged {
        cursor.merged.append((planned.name, { progress.relativeChange() }))
      }
      let first = cursor.slab * slabRows
      let rows = min(first, rowCount)..<min(first + slabRows, rowCount)
      let slab = Slab(
        tensor: cursor.tensor, number: cursor.slab, rows: rows, elementCount: rows.count * planned.rows.columns,
        progress: progress)
      cursor.slab += 1
      cursor.progress = progress
      if cursor.slab == slabCount {
        cursor.tensor += 1
        cursor.slab = 0
        cursor.progress = nil
      }
      return slab
    }
  }

  func movements() -> [PourReport.Movement] {
    cursor.withLock { cursor in
      cursor.merged.map { PourReport.Movement(name: $0.name, relativeChange: $0.change()) }
    }
  }

  /// As many rows as fit a slab, and a whole number of blocks where blocks run over row ends.
  private static func rowsPerSlab(_ planned: PlannedTensor) -> Int {
    let columns = max(1, planned.rows.columns)
    switch planned.action {
    case .copyStored: return max(1, planned.rows.rowCount)
    case .copyRows: return max(1, copiedElements / columns)
    case .encode(let type):
      let rows = max(1, encodedElements / columns)
      guard type.codec.blocksCrossRows else { return rows }
      let step = type.codec.elementsPerBlock / greatestCommonDivisor(columns, type.codec.elementsPerBlock)
      return max(step, rows / step * step)
    }
  }

  private static func greatestCommonDivisor(_ one: Int, _ other: Int) -> Int {
    other == 0 ? one : greatestCommonDivisor(other, one % other)
  }
}
