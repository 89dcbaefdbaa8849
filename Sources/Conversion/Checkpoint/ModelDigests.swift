public import Bytes
public import Digests
public import Tensors

/// Digests of every stored tensor of a model, and of all of them together: two files hold the same weights where these
/// are equal, however the tensors are ordered, divided among files or packed.
public struct ModelDigests: Hashable, Sendable {
  /// One stored tensor.
  public struct Tensor: Hashable, Sendable {
    public let name: String
    /// The encoding: `bf16`, `q4_k`.
    public let type: String
    public let shape: [Int]
    public let byteCount: Int
    /// XXH3-128 of the bytes.
    public let fast: FastDigest
    /// SHA-256 of the bytes, where it was asked for.
    public let cryptographic: SHA256Digest?
  }

  /// Sorted by name.
  public let tensors: [Tensor]
  /// What opening the files found.
  public let notes: [Note]

  /// Reads every tensor of a model, `workers` tensors at a time.
  /// - Parameters:
  ///   - isCryptographic: whether SHA-256 is computed too, which takes several times as long.
  ///   - onBytes: is told how many bytes more have been read.
  /// - Throws: `FileError` when the container is malformed or cannot be read.
  public init(
    ofModelAt path: String, isCryptographic: Bool = true, workers: Int = FileSystem.processorCount(),
    onBytes: @escaping @Sendable (Int) -> Void = { _ in }
  ) async throws(FileError) {
    let opened = try Recognition.open(path)
    try await self.init(
      of: opened.source, isCryptographic: isCryptographic, workers: workers, notes: opened.remarks, onBytes: onBytes)
  }

  /// The same of what is open already.
  public init(
    of source: any TensorSource, isCryptographic: Bool = true, workers: Int = FileSystem.processorCount(),
    notes: [Note] = [], onBytes: @escaping @Sendable (Int) -> Void = { _ in }
  ) async throws(FileError) {
    let tensors = try await Workers(count: max(1, workers)).map(source.tensors.count) { (number, _) throws(FileError) in
      try Tensor(source.tensors[number], in: source, isCryptographic: isCryptographic, onBytes)
    }
    try source.requireUnchanged()
    self.init(tensors, notes: notes)
  }

  /// - Parameter tensors: in any order.
  init(_ tensors: [Tensor], notes: [Note] = []) {
    self.notes = notes
    self.tensors = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// How the list is written that digests of the whole are of.
  public enum Definition: Sendable {
    /// Names as they are. One with a line end in it can look like two tensors.
    case first
    /// Names with `\n` for a line end and `\\` for a backslash: each tensor has a line of its own. For names without these
    /// the same as the first.
    case second
  }

  /// A name with `\n` for a line end and `\\` for a backslash.
  static func onOneLine(_ name: String) -> String {
    // By scalars: as a character a line end may be one with what stands before it.
    name.unicodeScalars.reduce(into: "") { $0 += $1 == "\\" ? "\\\\" : $1 == "\n" ? "\\n" : String($1) }
  }

  /// XXH3-128 of the list of tensors: a line for each with name, type, shape and digest.
  public var fast: FastDigest { fast(by: .second) }

  /// The same by another definition.
  public func fast(by definition: Definition) -> FastDigest {
    var stream = FastDigest.Stream()
    for tensor in tensors { stream.add("\(tensor.line(definition)) \(tensor.fast)\n") }
    return stream.digest
  }

  /// SHA-256 of the same list with SHA-256 digests, where they were asked for.
  public var cryptographic: SHA256Digest? { cryptographic(by: .second) }

  /// The same by another definition.
  public func cryptographic(by definition: Definition) -> SHA256Digest? {
    var stream = SHA256Digest.Stream()
    for tensor in tensors {
      guard let digest = tensor.cryptographic else { return nil }
      let line = Array("\(tensor.line(definition)) \(digest)\n".utf8)
      line.withBytes { stream.add($0) }
    }
    return stream.finish()
  }
}

extension ModelDigests.Tensor {
  fileprivate func line(_ definition: ModelDigests.Definition) -> String {
    let written =
      switch definition {
      case .first: name
      case .second: ModelDigests.onOneLine(name)
      }
    return "\(written) \(type) \(shape.map(String.init).joined(separator: "x"))"
  }

  /// Stays in a core's second-level cache between being read and being digested.
  static let partByteCount = 1 << 18

  init(_ descriptor: TensorDescriptor, fast: FastDigest, cryptographic: SHA256Digest? = nil) {
    self.init(
      name: descriptor.name, type: descriptor.encoding.name, shape: descriptor.shape, byteCount: descriptor.byteCount,
      fast: fast, cryptographic: cryptographic)
  }

  /// Reads the tensor.
  init(
    _ descriptor: TensorDescriptor, in source: any TensorSource, isCryptographic: Bool = false,
    _ onBytes: (Int) -> Void = { _ in }
  ) throws(FileError) {
    var fast = FastDigest.Stream()
    var cryptographic = SHA256Digest.Stream()
    var part = [UInt8](repeating: 0, count: min(Self.partByteCount, descriptor.byteCount))
    for start in stride(from: 0, to: descriptor.byteCount, by: Self.partByteCount) {
      try Interruption.check(source.name)
      let count = min(Self.partByteCount, descriptor.byteCount - start)
      try part.withMutableBytes(in: 0..<count) { bytes throws(FileError) in
        try source.read(descriptor.name, at: start, into: &bytes)
      }
      part.withBytes(in: 0..<count) { bytes in
        fast.add(bytes)
        if isCryptographic { cryptographic.add(bytes) }
      }
      onBytes(count)
    }
    self.init(descriptor, fast: fast.digest, cryptographic: isCryptographic ? cryptographic.finish() : nil)
  }
}

extension Checkpoint {
  /// XXH3-128 of its weights, and of those of each adapter, as `ModelDigests.fast` has it. Everything is read.
  /// - Throws: `FileError` when a tensor cannot be read.
  public func digests(workers: Int) async throws(FileError) -> [String] {
    var digests: [String] = []
    for source in [source] + adapters.map(\.source) {
      let found = try await ModelDigests(of: source, isCryptographic: false, workers: workers)
      digests.append(found.fast.description)
    }
    return digests
  }
}
