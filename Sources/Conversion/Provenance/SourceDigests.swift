internal import Architectures
internal import Bytes
internal import Digests
internal import Synchronization
internal import Tensors

/// Digests of the stored tensors that a pour reads, taken as it goes: the bytes of a weight that has just been dealt
/// with, or with a part of it, are still in memory, so that reading them again costs little.
final class SourceDigests: Sendable {
  /// The model, then adapters.
  private let sources: [any TensorSource]
  private let found: Mutex<[TensorReference: FastDigest]> = Mutex([:])
  /// Of tensors that are being read.
  private let growing: Mutex<[TensorReference: GrowingDigest]> = Mutex([:])

  init(of sources: [any TensorSource]) { self.sources = sources }

  /// The digests of some stored tensors, in their order; those that are not known are taken.
  func digests(of references: [TensorReference]) throws(FileError) -> [FastDigest] {
    var digests: [FastDigest] = []
    for reference in references { digests.append(try digest(of: reference)) }
    return digests
  }

  private func digest(of reference: TensorReference) throws(FileError) -> FastDigest {
    if let known = found.withLock({ $0[reference] }) { return known }
    let own = growing(try descriptor(of: reference), reference)
    // Another worker may have finished it since, so that this one is new.
    if let known = found.withLock({ $0[reference] }) { return known }
    let digest = try own.finished()
    found.withLock { $0[reference] = digest }
    growing.withLock { $0[reference] = nil }
    return digest
  }

  private func descriptor(of reference: TensorReference) throws(FileError) -> TensorDescriptor {
    let source = sources[reference.input]
    guard let descriptor = source.descriptor(of: reference.name) else {
      throw FileError.noSuchTensor(reference.name, in: source.name)
    }
    return descriptor
  }

  private func growing(_ descriptor: TensorDescriptor, _ reference: TensorReference) -> GrowingDigest {
    growing.withLock { growing in
      if let known = growing[reference] { return known }
      let new = GrowingDigest(of: descriptor, in: sources[reference.input])
      growing[reference] = new
      return new
    }
  }

  /// Takes what some stored tensors begin with, one after another, as far as a weight that is made of them has been dealt with.
  /// - Parameter share: the part of it, between 0 and 1.
  func follow(_ references: [TensorReference], share: Double) throws(FileError) {
    var descriptors: [TensorDescriptor] = []
    for reference in references { descriptors.append(try descriptor(of: reference)) }
    var left = Int(Double(descriptors.reduce(0) { $0 + $1.byteCount }) * share)
    for (reference, descriptor) in zip(references, descriptors) where left > 0 {
      let part = min(left, descriptor.byteCount)
      left -= part
      guard found.withLock({ $0[reference] }) == nil else { continue }
      try growing(descriptor, reference).grow(to: part)
    }
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
