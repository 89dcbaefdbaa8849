internal import Dispatch
internal import Synchronization

/// A team of fixed size that works through items. Which worker gets which item is left to chance; what an item computes
/// must not depend on it.
public struct Workers: Hashable, Sendable {
  /// How many items are worked on at a time.
  public let count: Int

  /// - Parameter count: at least 1; one a processor where nothing is said.
  public init(count: Int = FileSystem.processorCount()) {
    precondition(count > 0, "a team has at least one worker")
    self.count = count
  }

  /// Has each worker take what `next` gives, one item after another, until it gives nothing. Returns when all are done, or
  /// throws the first error after the items under way have ended.
  /// - Parameters:
  ///   - team: workers that are needed at most.
  ///   - tools: what a worker, by its number, keeps between items.
  package func work<Item: Sendable, Tools, Failure: Error>(
    team: Int = .max, taking next: @escaping @Sendable () -> Item?, with tools: @escaping @Sendable (Int) -> Tools,
    _ body: @escaping @Sendable (Item, Tools) throws(Failure) -> Void
  ) async throws(Failure) {
    let isStopped = Flag()
    @Sendable func run(_ worker: Int) throws(Failure) {
      let own = tools(worker)
      do throws(Failure) {
        while !isStopped.isRaised, let item = next() { try body(item, own) }
      } catch {
        isStopped.raise()
        throw error
      }
    }
    let team = min(count, team)
    if team <= 1 { return try run(0) }
    let failure = await withTaskGroup(of: Failure?.self) { group in
      for worker in 0..<team {
        group.addTask {
          do throws(Failure) {
            try run(worker)
            return nil
          } catch {
            return error
          }
        }
      }
      var first: Failure?
      for await error in group where first == nil { first = error }
      return first
    }
    if let failure { throw failure }
  }

  /// Calls `body` once for every item below `items`, with the number of the worker that has it.
  package func forEach(
    _ items: Int, _ body: @escaping @Sendable (_ item: Int, _ worker: Int) throws -> Void
  ) async throws {
    let numbers = Numbers(below: items)
    try await work(team: items, taking: { numbers.next() }, with: { $0 }) { item, worker in
      try Task.checkCancellation()
      try body(item, worker)
    }
  }

  /// The results of `body` for every item below `items`, in the order of the items.
  package func map<Result: Sendable, Failure: Error>(
    _ items: Int, _ body: @escaping @Sendable (_ item: Int, _ worker: Int) throws(Failure) -> Result
  ) async throws(Failure) -> [Result] {
    let collected = Collected<Result>()
    let numbers = Numbers(below: items)
    try await work(team: items, taking: { numbers.next() }, with: { $0 }) { (item, worker) throws(Failure) in
      let result = try body(item, worker)
      collected.results.withLock { $0.append((item, result)) }
    }
    return collected.results.withLock { $0.sorted { $0.item < $1.item }.map(\.result) }
  }

  /// What `body` gives for every item below `items`, in the order of the items, or what it throws; for callers that wait.
  package func outcomes<Value: Sendable, Failure: Error>(
    _ items: Int, _ body: @Sendable (_ item: Int) throws(Failure) -> Value
  ) -> [Result<Value, Failure>] {
    @Sendable func outcome(_ item: Int) -> Result<Value, Failure> {
      do throws(Failure) { return .success(try body(item)) } catch { return .failure(error) }
    }
    let team = min(count, items)
    guard team > 1 else { return (0..<items).map(outcome) }
    let collected = Collected<Result<Value, Failure>>()
    let numbers = Numbers(below: items)
    DispatchQueue.concurrentPerform(iterations: team) { _ in
      while let item = numbers.next() {
        let result = outcome(item)
        collected.results.withLock { $0.append((item, result)) }
      }
    }
    return collected.results.withLock { $0.sorted { $0.item < $1.item }.map(\.result) }
  }

  /// Hands out the numbers of items, each once.
  private final class Numbers: Sendable {
    private let end: Int
    private let position = Atomic<Int>(0)

    init(below end: Int) { self.end = end }

    func next() -> Int? {
      let item = position.wrappingAdd(1, ordering: .relaxed).oldValue
      return item < end ? item : nil
    }
  }

  /// Raised once, when a worker has failed.
  private final class Flag: Sendable {
    private let state = Atomic<Bool>(false)

    var isRaised: Bool { state.load(ordering: .relaxed) }
    func raise() { state.store(true, ordering: .relaxed) }
  }

  private final class Collected<Result: Sendable>: Sendable {
    let results = Mutex<[(item: Int, result: Result)]>([])
  }
}
