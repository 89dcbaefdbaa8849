public import Bytes
internal import Quantization
public import Tensors

/// One weight as a checkpoint stores it: what a person calls a tensor, however many stored tensors it takes. A spelling of
/// quantized weights is a conformer, beside its layout.
///
/// A class, since there may be millions of them.
public protocol StoredWeight: AnyObject, RowSource {
  /// Its name among the weights of the checkpoint.
  var name: String { get }
  var source: any TensorSource { get }
  /// As reports show it: `q4_0`, `nf4`, `nf4+dq`.
  var typeName: String { get }
  /// Every stored tensor that belongs to the weight: codes, scales, tables, state.
  var storedNames: [String] { get }
  /// Whether several values share bytes, so that the weight has lost something already.
  var isQuantized: Bool { get }
  /// What the tensor was before it was quantized, where the checkpoint tells.
  var originalEncoding: Encoding? { get }
  /// Why it can only be copied; nil where it can be decoded.
  var refusalToDecode: FileError? { get }
  /// The blocks along its rows that `readEncoded` gives; nil where the weight can only be decoded.
  var copiedEncoding: Encoding? { get }
  /// Whether its rows are columns of what is stored: the more of them are read at once, the longer are the runs.
  var isStoredByColumns: Bool { get }

  /// Fills `bytes` with blocks of `copiedEncoding`, from the one on that begins with `element`.
  func readEncoded(fromElement element: Int, into bytes: inout MutableRawSpan) throws(FileError)
}

extension StoredWeight {
  public var originalEncoding: Encoding? { nil }
  public var refusalToDecode: FileError? { nil }
  public var copiedEncoding: Encoding? { nil }
  public var isStoredByColumns: Bool { false }

  public func readEncoded(fromElement element: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    throw FileError(.unsupported, path: source.name, subject: name, "has no blocks along its rows")
  }

  /// Bytes of all stored tensors that it takes, tables included.
  public var byteCount: Int { storedNames.reduce(0) { $0 + (source.descriptor(of: $1)?.byteCount ?? 0) } }

  /// The name that one of `storedNames` has where the weight is called `newName`: `P.absmax` of `P.weight` belongs to `P`.
  func storedName(_ stored: String, under newName: String) -> String {
    func module(_ name: String) -> Substring { name[..<(name.lastIndex(of: ".") ?? name.startIndex)] }
    let (old, new) = (module(name), module(newName))
    guard stored != name else { return newName }
    return stored.hasPrefix(old) ? String(new + stored.dropFirst(old.count)) : stored
  }

  /// Reads elements by whole blocks: where a block is cut, it is decoded, and the part that was asked for is kept.
  /// - Parameter decode: decodes a run that begins at a block and ends at one or at the weight's end.
  func read(
    _ elements: Range<Int>, byBlocksOf block: Int, into values: inout MutableSpan<Float>,
    _ decode: (Range<Int>, inout MutableSpan<Float>) throws(FileError) -> Void
  ) throws(FileError) {
    let first = elements.lowerBound / block * block
    let last = min(elements.upperBound.dividedRoundingUp(by: block) * block, elementCount)
    guard first != elements.lowerBound || last != elements.upperBound else { return try decode(elements, &values) }
    var whole = [Float](repeating: 0, count: last - first)
    var span = whole.mutableSpan
    try decode(first..<last, &span)
    for index in 0..<elements.count { values[index] = span[elements.lowerBound - first + index] }
  }
}

extension StoredWeight {
  /// Reads elements by decoding the blocks that `readEncoded` gives.
  func read(
    _ elements: Range<Int>, decodingWith codec: any Codec, into values: inout MutableSpan<Float>,
    scratch: inout [UInt8]
  ) throws(FileError) {
    try read(elements, byBlocksOf: codec.elementsPerBlock, into: &values) { run, values throws(FileError) in
      let byteCount = codec.byteCount(elements: run.count)
      if scratch.count < byteCount { scratch = [UInt8](repeating: 0, count: byteCount) }
      try scratch.withMutableBytes(in: 0..<byteCount) { bytes throws(FileError) in
        try readEncoded(fromElement: run.lowerBound, into: &bytes)
      }
      scratch.withBytes(in: 0..<byteCount) { codec.decode($0, into: &values) }
    }
  }
}

/// A weight of several stored tensors, in the spelling of a layout.
protocol LaidOutWeight: StoredWeight {
  /// What its groups hold, where they lie along its rows; nil for other weights.
  /// - Parameter matrix: the number of one in a stack; nil for all, where they are alike.
  func groupForm(ofMatrix matrix: Int?) -> GroupForm?
  var layout: any WeightLayout { get }
  /// The type that gives such weights; nil for a spelling that is not written.
  var type: TargetType? { get }
}

extension LaidOutWeight {
  func groupForm(ofMatrix matrix: Int?) -> GroupForm? { nil }
}

extension StoredWeight {
  /// Bits of a code, what it was quantized to: where it has no groups about; nil for what is not quantized.
  var codeBits: Int? {
    guard isQuantized, elementCount > 0 else { return nil }
    if let form = storedForm(ofMatrix: 0) { return form.levels.bits }
    return max(1, byteCount * 8 / elementCount)
  }

  /// What the groups of the stored weight hold; nil where it has none along its rows.
  /// - Parameter matrix: as `LaidOutWeight.groupForm`.
  func storedForm(ofMatrix matrix: Int?) -> GroupForm? {
    if let laidOut = self as? any LaidOutWeight { return laidOut.groupForm(ofMatrix: matrix) }
    guard case .ggml(let blocks)? = GroupBlocks(copiedEncoding) else { return nil }
    return GroupForm(blocks)
  }
}
