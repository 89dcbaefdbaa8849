internal import Synchronization
#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Makes calls into the operating system fail, in tests: a full disk, a broken one, a write that was interrupted half
/// way.
///
/// Faults hold for the task they are set in and for its children, so that tests side by side do not meet.
package final class SystemFaults: Sendable {
  /// The calls that can fail.
  package enum Call: String, CaseIterable, Sendable {
    case open, examine, read, write, setLength, synchronize, rename, makeFolder, remove, lock, list
  }

  /// What happens to a call.
  package enum Fault: Sendable {
    /// Fails with this `errno`.
    case failure(Int32)
    /// Deals with half of the bytes that were asked for, at least one. Only for reads and writes.
    case short

    package static let diskFull = Fault.failure(ENOSPC)
    package static let ioError = Fault.failure(EIO)
    package static let interrupted = Fault.failure(EINTR)
    package static let forbidden = Fault.failure(EACCES)
  }

  @TaskLocal package static var current: SystemFaults?

  /// nil for calls of every kind.
  private let call: Call?
  private let fault: Fault
  /// Numbers of the calls that are hit, from 0.
  private let hit: @Sendable (Int) -> Bool
  private let counts: Mutex<[Call: Int]>
  /// The number of the call in which the process is killed.
  private let killed: Int?

  /// Hits those calls of one kind for whose number, from 0, `hit` says so.
  package init(_ fault: Fault, _ call: Call, where hit: @escaping @Sendable (Int) -> Bool) {
    self.call = call
    self.fault = fault
    self.hit = hit
    killed = nil
    counts = Mutex([:])
  }

  /// Does what a kill does at the call with that number, of all kinds together: a write deals with half of its bytes, and of
  /// what comes later nothing is done.
  package init(killingAt number: Int) {
    call = nil
    fault = .ioError
    hit = { $0 >= number }
    killed = number
    counts = Mutex([:])
  }

  /// Counts calls and lets all of them pass.
  package static func counting() -> SystemFaults { SystemFaults(.short, .read) { _ in false } }

  /// How often a call was made.
  package func count(of call: Call) -> Int { counts.withLock { $0[call] ?? 0 } }

  /// How many calls were made of all kinds together.
  package var count: Int { counts.withLock { $0.values.reduce(0, +) } }

  /// What is to happen to this call of that kind.
  fileprivate func fault(for call: Call) -> Fault? {
    let (number, ofAll) = counts.withLock { counts in
      defer { counts[call, default: 0] += 1 }
      return (counts[call] ?? 0, counts.values.reduce(0, +))
    }
    guard let own = self.call else {
      guard hit(ofAll) else { return nil }
      return ofAll == killed && call == .write ? .short : fault
    }
    return call == own && hit(number) ? fault : nil
  }
}

extension SystemCall {
  /// Makes a call that answers -1 and sets `errno` where it fails, unless a test wants it to fail.
  static func attempt<Result: SignedInteger>(_ call: SystemFaults.Call, _ make: () -> Result) -> Result {
    if case .failure(let number) = SystemFaults.current?.fault(for: call) {
      errno = number
      return -1
    }
    return make()
  }

  /// Makes a call that deals with up to `count` bytes, unless a test wants it to fail or to stop half way.
  static func attempt(_ call: SystemFaults.Call, count: Int, _ make: (Int) -> Int) -> Int {
    switch SystemFaults.current?.fault(for: call) {
    case .failure(let number):
      errno = number
      return -1
    case .short: return make(max(1, count / 2))
    case nil: return make(count)
    }
  }
}
