internal import Synchronization

/// What a transform keeps between the parts of one tensor, for all who read parts of it at the same time. It is given up
/// when the tensor is complete.
public final class TransformMemory: Sendable {
  private let values = Mutex<[AnyHashable: any Sendable]>([:])

  public init() {}

  public func value<Value: Sendable>(_ key: some Hashable & Sendable) -> Value? {
    values.withLock { $0[AnyHashable(key)] as? Value }
  }

  public func keep(_ value: some Sendable, for key: some Hashable & Sendable) {
    values.withLock { $0[AnyHashable(key)] = value }
  }

  /// Keeps at most `count` values whose keys are of one type: the others of that type are given up.
  public func keep<Key: Hashable & Sendable>(_ value: some Sendable, for key: Key, atMost count: Int) {
    values.withLock { values in
      let others = values.keys.filter { $0.base is Key }
      if others.count >= count { for other in others.prefix(others.count - count + 1) { values[other] = nil } }
      values[AnyHashable(key)] = value
    }
  }
}
