internal import Bytes
internal import Digests
internal import Synchronization
internal import Tensors

/// The digest of a stored tensor, taken part by part while the tensor is read for something else: what has just been read is
/// still in memory, be it that of the system or that for what is fetched.
final class GrowingDigest: Sendable {
  private struct State: ~Copyable {
    var stream = FastDigest.Stream()
    var position = 0
  }

  private let descriptor: TensorDescriptor
  private let source: any TensorSource
  private let state = Mutex(State())

  init(of descriptor: TensorDescriptor, in source: any TensorSource) {
    self.descriptor = descriptor
    self.source = source
  }

  /// Takes in what comes before byte `end`, unless another worker is just about it.
  func grow(to end: Int) throws(FileError) {
    _ = try state.withLockIfAvailable { (state) throws(FileError) in try take(to: end, &state) }
  }

  /// The digest of the whole.
  func finished() throws(FileError) -> FastDigest {
    try state.withLock { (state) throws(FileError) in
      try take(to: descriptor.byteCount, &state)
      return state.stream.digest
    }
  }

  private func take(to end: Int, _ state: inout State) throws(FileError) {
    guard state.position < end else { return }
    var part = [UInt8](repeating: 0, count: min(ModelDigests.Tensor.partByteCount, end - state.position))
    while state.position < end {
      try Interruption.check(source.name)
      let count = min(part.count, end - state.position)
      let position = state.position
      try part.withMutableBytes(in: 0..<count) { bytes throws(FileError) in
        try source.read(descriptor.name, at: position, into: &bytes)
      }
      part.withBytes(in: 0..<count) { state.stream.add($0) }
      state.position += count
    }
  }
}
