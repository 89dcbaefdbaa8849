internal import Bytes
internal import Digests
internal import Dispatch
internal import Synchronization

/// Holds a file against the SHA-256 that its store tells, where all of it is fetched about in order. What is fetched in another order
/// is not checked by it: it would have to be fetched once more.
final class WholeDigest: Sendable {
  private struct State: ~Copyable {
    var stream: SHA256Digest.Stream? = SHA256Digest.Stream()
    var next = 0
    /// Blocks that came before others which they follow.
    var early: [Int: [UInt8]] = [:]
    var isGivenUp = false
    var found: String?
  }

  /// Bytes of such blocks are bounded by their number.
  private static let mostEarly = 12

  let expected: String
  private let blockCount: Int
  private let queue = DispatchQueue(label: "digest", qos: .userInitiated)
  private let state = Mutex(State())

  init(expected: String, blockCount: Int) {
    self.expected = expected
    self.blockCount = blockCount
  }

  /// Takes a block in, each once.
  func add(_ number: Int, _ bytes: [UInt8]) {
    let isWanted = state.withLock { state in
      guard !state.isGivenUp, state.found == nil, number >= state.next, state.early[number] == nil else { return false }
      state.early[number] = bytes
      if state.early.count > Self.mostEarly {
        state.isGivenUp = true
        state.early = [:]
        return false
      }
      return true
    }
    if isWanted { queue.async { self.digest() } }
  }

  private func digest() {
    while true {
      let isDone = state.withLock { state in
        guard let bytes = state.early.removeValue(forKey: state.next) else { return true }
        bytes.withBytes { state.stream?.add($0) }
        state.next += 1
        if state.next == blockCount { state.found = state.stream.take()?.finish().description }
        return false
      }
      if isDone { return }
    }
  }

  /// What all bytes have, where they were all taken in; nil where they were not.
  var found: String? {
    queue.sync {}
    return state.withLock { $0.found }
  }
}
