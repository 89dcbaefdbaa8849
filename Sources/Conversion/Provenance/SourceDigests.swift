internal import Architectures
internal import Bytes
internal import Digests
internal import Synchronization
internal import Tensors

/// Digests of the stored tensors that a pour reads, taken as it goes: the bytes of a weight that has just been dealt
/// with are still in memory, so that reading them again costs little.
final class SourceDigests: Sendable {
  /// The model, then adapters.
  private let sources: [any TensorSource]
  private let found: Mutex<[TensorReference: FastDigest]> = Mutex([:])

  init(of sources: [any TensorSource]) { self.sources = sources }

  /// The digests of some stored tensors, in their order; those that are not known are taken.
  func digests(of references: [TensorReference]) throws(FileError) -> [FastDigest] {
    var digests: [FastDigest] = []
    for reference in references { digests.append(try digest(of: reference)) }
    return digests
  }

  private func digest(of reference: TensorReference) throws(FileError) -> FastDigest {
    if let known = found.withLock({ $0[reference] }) { return known }
    let source = sources[reference.input]
    guard let descriptor = source.descriptor(of: reference.name) else {
      throw FileError.noSuchTensor(reference.name, in: source.name)
    }
    let digest = try ModelDigests.Tensor(descriptor, in: source).fast
    found.withLock { $0[reference] = digest }
    return digest
  }

  /// Takes over what an earlier run has found.
  func keep(_ digests: [FastDigest], of references: [TensorReference]) {
    found.withLock { found in
      for (reference, digest) in zip(references, digests) { found[reference] = digest }
    }
  }

  /// The digests of each source as a whole. Tensors that no output needed are read now.
  func wholes() throws(FileError) -> [ModelDigests] {
    var wholes: [ModelDigests] = []
    for (input, source) in sources.enumerated() {
      var tensors: [ModelDigests.Tensor] = []
      for descriptor in source.tensors {
        let digest = try digest(of: TensorReference(descriptor.name, input: input))
        tensors.append(ModelDigests.Tensor(descriptor, fast: digest))
      }
      wholes.append(ModelDigests(tensors))
    }
    return wholes
  }
}
