import Synchronization
import Testing

@testable import Bytes

@Suite struct WorkersTests {
  private final class Tally: Sendable {
    let items = Mutex<[Int: Int]>([:])
    let workers = Mutex<Set<Int>>([])
  }

  @Test(arguments: [1, 2, 7]) func everyItemIsDoneOnce(_ count: Int) async throws {
    for items in [0, 1, 5, 1000] {
      let tally = Tally()
      try await Workers(count: count).forEach(items) { item, worker in
        tally.items.withLock { $0[item, default: 0] += 1 }
        tally.workers.withLock { _ = $0.insert(worker) }
      }
      #expect(tally.items.withLock { $0.count } == items)
      #expect(tally.items.withLock { $0.values.allSatisfy { $0 == 1 } })
      #expect(tally.workers.withLock { $0.allSatisfy { (0..<count).contains($0) } })
    }
  }

  @Test func resultsComeInTheOrderOfItems() async throws {
    let squares = await Workers(count: 4).map(100) { item, _ in item * item }
    #expect(squares == (0..<100).map { $0 * $0 })
  }

  /// For callers that wait, with what each item throws.
  @Test(arguments: [1, 3, 16], [0, 1, 50]) func outcomesComeInTheOrderOfItems(count: Int, items: Int) {
    struct Odd: Error, Equatable { let item: Int }
    let outcomes = Workers(count: count).outcomes(items) { item throws(Odd) in
      guard item % 2 == 0 else { throw Odd(item: item) }
      return item * item
    }
    #expect(outcomes == (0..<items).map { $0 % 2 == 0 ? .success($0 * $0) : .failure(Odd(item: $0)) })
  }

  @Test(arguments: [1, 4]) func anErrorStopsTheRest(_ count: Int) async {
    struct Failure: Error {}
    let tally = Tally()
    await #expect(throws: Failure.self) {
      try await Workers(count: count).forEach(100_000) { item, _ in
        tally.items.withLock { $0[item, default: 0] += 1 }
        if item == 3 { throw Failure() }
      }
    }
    #expect(tally.items.withLock { $0.count } < 100_000)
  }

  @Test func cancellationStopsTheRest() async {
    let task = Task {
      try await Workers(count: 2).forEach(1_000_000) { _, _ in
        withUnsafeCurrentTask { $0?.cancel() }
      }
    }
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  /// However long each takes, and never more than one a worker at a time.
  @Test(arguments: [1, 3]) func resultsAreHandedOverInOrder(_ count: Int) async throws {
    let held = Mutex<(now: Int, most: Int)>((0, 0))
    var received: [Int] = []
    try await Workers(count: count).inOrder(50) { number throws(FileError) in
      held.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
      }
      for _ in 0..<(number % 7) * 1000 { _ = held.withLock { $0.now } }
      return number * number
    } body: { number, square throws(FileError) in
      #expect(square == number * number)
      received.append(number)
      held.withLock { $0.now -= 1 }
    }
    #expect(received == Array(0..<50))
    #expect(held.withLock { $0.most } <= count)
  }

  @Test(arguments: [true, false]) func nothingIsHandedOverAfterAFailure(_ failsInWork: Bool) async {
    let failure = FileError(.malformed, path: "file", "the eighth is wrong")
    var received: [Int] = []
    let error = await #expect(throws: FileError.self) {
      try await Workers(count: 2).inOrder(100) { number throws(FileError) in
        if failsInWork, number == 7 { throw failure }
        return number
      } body: { number, _ throws(FileError) in
        if number == 7 { throw failure }
        received.append(number)
      }
    }
    #expect(error?.message == failure.message && received == Array(0..<7))
  }
}
