internal import Bytes
internal import Dispatch
internal import Synchronization

/// A value that comes later, which any number of threads may wait for.
final class Pending<Value: Sendable>: Sendable {
  private let group = DispatchGroup()
  private let found = Mutex<Value?>(nil)

  init() { group.enter() }

  /// To be called once.
  func set(_ value: Value) {
    found.withLock { $0 = value }
    group.leave()
  }

  /// The value, if it is there.
  var present: Value? { found.withLock { $0 } }

  /// Waits for the value.
  /// - Throws: `FileError` with the code `interrupted` when the process is asked to stop meanwhile.
  func value(path: String) throws(FileError) -> Value {
    while true {
      if let value = present { return value }
      try Interruption.check(path)
      _ = group.wait(timeout: .now() + .milliseconds(100))
    }
  }
}
