public import Bytes
internal import Synchronization

/// A team of fixed size that works through numbered items. Which worker gets which item is left to chance; what an
/// item computes must not depend on it.
public struct Workers: Hashable, Sendable {
  /// How many items are worked on at a time.
  public let count: Int

  /// - Parameter count: at least 1; one a processor where nothing is said.
  public init(count: Int = FileSystem.processorCount()) {
    precondition(count > 0, "a team has at least one worker")
    self.count = count
  }

  /// Calls `body` once for every item below `items`, with the number of the worker that has it. Returns when all are
  /// done, or throws the first error after the items under way have ended.
  package func forEach(
    _ items: Int, _ body: @escaping @Sendable (_ item: Int, _ worker: Int) throws -> Void
  ) async throws {
    let team = min(count, items)
    if team <= 1 {
      for item in 0..<max(items, 0) {
        try Task.checkCancellation()
        try body(item, 0)
      }
      return
    }
    let queue = Queue()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<team {
        group.addTask {
          do {
            while let item = queue.next(below: items) {
              try Task.checkCancellation()
              try body(item, worker)
            }
          } catch {
            queue.stop()
            throw error
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// The results of `body` for every item below `items`, in the order of the items.
  package func map<Result: Sendable>(
    _ items: Int, _ body: @escaping @Sendable (_ item: Int, _ worker: Int) throws -> Result
  ) async throws -> [Result] {
    let collected = Collected<Result>()
    try await forEach(items) { item, worker in
      let result = try body(item, worker)
      collected.results.withLock { $0.append((item, result)) }
    }
    return collected.results.withLock { $0.sorted { $0.item < $1.item }.map(\.result) }
  }

  /// Hands out the items, each once.
  private final class Queue: Sendable {
    private let position = Atomic<Int>(0)

    func next(below items: Int) -> Int? {
      let item = position.wrappingAdd(1, ordering: .relaxed).oldValue
      return item >= 0 && item < items ? item : nil
    }

    /// Lets nothing out any more.
    func stop() { position.store(Int.max / 2, ordering: .relaxed) }
  }

  private final class Collected<Result: Sendable>: Sendable {
    let results = Mutex<[(item: Int, result: Result)]>([])
  }
}
