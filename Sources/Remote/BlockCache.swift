internal import Bytes
internal import Synchronization

/// The parts of files that were fetched last, or are being fetched: memory is bounded by their number.
final class BlockCache: Sendable {
  typealias Block = Pending<Result<[UInt8], FileError>>

  struct Key: Hashable, Sendable {
    let file: Int
    let number: Int
  }

  private struct Entry {
    let block: Block
    var used: Int
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    var clock = 0
    var files = 0
  }

  /// Longest block. Most of a file is cut into blocks of this length.
  static let blockSize = 4 << 20
  /// 128 MiB in all.
  private static let mostBlocks = 32

  private let state = Mutex(State())

  /// A number for a file.
  func newFile() -> Int {
    state.withLock { state in
      state.files += 1
      return state.files
    }
  }

  /// A block, and whether the caller has to see that it comes.
  /// - Parameter isUrgent: whether somebody waits for it: one that is fetched ahead is none where all others are still on their way.
  func block(_ key: Key, isUrgent: Bool) -> (block: Block, isNew: Bool)? {
    state.withLock { state in
      state.clock += 1
      if let entry = state.entries[key] {
        state.entries[key]?.used = state.clock
        return (entry.block, false)
      }
      while state.entries.count >= Self.mostBlocks {
        let there = state.entries.filter { $0.value.block.present != nil }
        guard let oldest = there.min(by: { $0.value.used < $1.value.used })?.key else {
          if isUrgent { break }
          return nil
        }
        state.entries[oldest] = nil
      }
      let block = Block()
      state.entries[key] = Entry(block: block, used: state.clock)
      return (block, true)
    }
  }

  /// Forgets a block that could not be had, so that it can be asked for again.
  func forget(_ key: Key) { state.withLock { $0.entries[key] = nil } }
}
