public import Architectures
public import Bytes
internal import Quantization
internal import Synchronization
public import Tensors

/// A tensor that follows from stored ones by a `Derivation`, computed part by part when it is read.
public final class DerivedTensor: RowSource {
  public let derivation: Derivation
  public let shape: [Int]
  /// Elements that are computed at a time: 512 KiB of Float, which stays in a core's second-level cache together with
  /// the bytes that are read and written.
  static let slabElements = 1 << 17
  private let inputs: TensorInputs
  /// What computes the tensor, and what that keeps between slabs; made when it is first read, so that the many tensors
  /// of a plan take no room for it.
  private let kept = Mutex<(any PartSource)?>(nil)

  /// - Throws: `FileError` when an input is missing or the parts do not fit each other.
  public init(_ derivation: Derivation, inputs: TensorInputs) throws(FileError) {
    self.derivation = derivation
    self.inputs = inputs
    self.shape = try inputs.shape(of: derivation)
  }

  /// What `transform` makes of this.
  func applying(_ transform: any TensorTransform) throws(FileError) -> DerivedTensor {
    try DerivedTensor(derivation.applying(transform), inputs: inputs)
  }

  private func parts() throws(FileError) -> any PartSource {
    if let known = kept.withLock({ $0 }) { return known }
    let made = try inputs.parts(of: derivation)
    return kept.withLock { kept in
      let first = kept ?? made
      kept = first
      return first
    }
  }

  public func read(
    elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    if case .source(let reference) = derivation {
      return try inputs.tensor(reference).read(elements: elements, into: &values, scratch: &scratch)
    }
    try parts().read(elements: elements, into: &values, scratch: &scratch)
  }

  /// The stored tensors that the rows are computed from, each once.
  func storedTensors() throws(FileError) -> [TensorReference] {
    var stored: [TensorReference] = []
    for reference in derivation.sources {
      for name in try inputs.tensor(reference).storedNames {
        let part = TensorReference(name, input: reference.input)
        if !stored.contains(part) { stored.append(part) }
      }
    }
    return stored
  }

  /// Where an element comes from: the file, the stored tensor and the element's number in it.
  func origin(ofElement element: Int) -> (path: String, name: String?, element: Int) {
    var (derivation, element) = (derivation, element)
    while case .made(let transform, let parts) = derivation {
      var shapes: [[Int]] = []
      for part in parts { shapes.append((try? inputs.shape(of: part)) ?? []) }
      guard let shape = try? inputs.shape(of: derivation),
        let place = transform.origin(ofElement: element, of: shape, inputs: shapes)
      else { return (inputs.path(of: derivation), nil, element) }
      (derivation, element) = (parts[place.input], place.element)
    }
    return (inputs.path(of: derivation), derivation.sources.first?.name, element)
  }

  /// Gives up what is kept between slabs.
  func releaseFactors() {
    kept.withLock { $0 = nil }
  }

  /// Whether a stored tensor behind it has its rows as columns.
  var isStoredByColumns: Bool {
    derivation.sources.contains { (try? inputs.tensor($0))?.isStoredByColumns == true }
  }

  /// Whether every stored tensor behind it is small enough to be kept in memory while it is read by columns.
  var isHeld: Bool {
    derivation.sources.allSatisfy { reference in
      guard let weight = try? inputs.tensor(reference) else { return false }
      return weight.storedNames.allSatisfy {
        HeldTensors.holds(byteCount: weight.source.descriptor(of: $0)?.byteCount ?? 0)
      }
    }
  }

  // MARK: - Encoded elements

  /// The stored encoding, where elements can be copied without decoding them; nil where they must be computed.
  public var copiedEncoding: Encoding? {
    if case .source(let reference) = derivation { return (try? inputs.tensor(reference))?.copiedEncoding }
    guard derivation.keepsRows else { return nil }
    return (try? inputs.parts(of: derivation))?.copiedEncoding
  }

  /// Fills `bytes` with the encoded elements `elements`, whole blocks, in their new order. Only for tensors that have a
  /// `copiedEncoding`.
  public func readEncoded(elements: Range<Int>, into bytes: inout MutableRawSpan) throws(FileError) {
    if case .source(let reference) = derivation {
      return try inputs.tensor(reference).readEncoded(fromElement: elements.lowerBound, into: &bytes)
    }
    let parts = try parts()
    guard let encoding = parts.copiedEncoding else { throw parts.hasNoStoredForm }
    var start = 0
    for part in RowPart.parts(of: elements, width: columns) {
      guard let count = encoding.byteCount(elements: part.count) else { throw parts.hasNoStoredForm }
      var span = bytes._mutatingExtracting(start..<start + count)
      try parts.readEncoded(part, into: &span)
      start += count
    }
  }
}

extension DerivedTensor {
  /// The groups of whole rows, in place of what `groups` holds.
  /// - Parameter blocks: those of its `copiedEncoding`.
  func readGroups(
    rows: Range<Int>, of blocks: GroupBlocks, into groups: inout EncodedGroups, scratch: inout [UInt8]
  ) throws(FileError) {
    if case .source(let reference) = derivation, let weight = try inputs.tensor(reference) as? GroupedWeight {
      groups = try weight.encoded(rows: rows)
      return
    }
    guard let count = copiedEncoding?.byteCount(elements: rows.count * columns) else { throw hasNoGroups }
    if scratch.count < count { scratch = [UInt8](repeating: 0, count: count) }
    try scratch.withMutableBytes(in: 0..<count) { bytes throws(FileError) in
      try readEncoded(elements: rows.lowerBound * columns..<rows.upperBound * columns, into: &bytes)
    }
    scratch.withBytes(in: 0..<count) { blocks.open($0, into: &groups) }
  }

  private var hasNoGroups: FileError {
    FileError(
      .unsupported, path: inputs.path(of: derivation), subject: derivation.sources.first?.name,
      "has no groups along its rows")
  }
}

extension PartSource {
  /// Runs of elements are read as parts of rows.
  public func read(
    elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    var start = 0
    for part in RowPart.parts(of: elements, width: columns) {
      var span = values._mutatingExtracting(start..<start + part.count)
      try read(part, into: &span, scratch: &scratch)
      start += part.count
    }
  }

  var hasNoStoredForm: FileError {
    FileError(.unsupported, path: place.path, subject: place.name, "computed values have no stored form")
  }
}
