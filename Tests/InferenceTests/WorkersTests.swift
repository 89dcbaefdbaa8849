import Synchronization
import Testing

@testable import Inference

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
    let squares = try await Workers(count: 4).map(100) { item, _ in item * item }
    #expect(squares == (0..<100).map { $0 * $0 })
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

  /// Blocks stay the same however tokens are shared, and every block has one share.
  @Test func sharesCoverTheTokens() {
    for tokens in [1, 511, 512, 513, 2048, 5000] {
      for workers in [1, 2, 16, 64] {
        let shares = TokenShares(tokens: tokens, panels: 3, workers: workers)
        let blocks = (0..<shares.count).flatMap { shares[$0] }
        #expect(blocks == Panel.pieces(tokens, of: Panel.tokens))
        #expect((0..<shares.count).allSatisfy { !shares[$0].isEmpty })
      }
    }
  }
}
