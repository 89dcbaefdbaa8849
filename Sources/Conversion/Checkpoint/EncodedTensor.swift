public import Bytes
public import Quantization
public import Tensors

/// One weight as a checkpoint stores it: its codec, and the stored tensors that hold the codec's planes. However many
/// those are, this is what a person calls a tensor.
public struct EncodedTensor: RowSource {
  /// How the scales of a blockwise codec are stored.
  public enum Scales: Sendable {
    /// As the codec's own last plane.
    case plain
    /// Quantized themselves: 8-bit codes and one F32 for every block of codes.
    indirect case doubleQuantized(DoubleQuantizedScales)
  }

  public let name: String
  public let shape: [Int]
  public let codec: any Codec
  /// The stored tensors that belong to the weight beside the one that has its name: first those of the codec's further
  /// planes in their order, then tables and state.
  let companions: [String]
  public let scales: Scales
  /// What the tensor was before it was quantized, where the checkpoint tells.
  public let originalEncoding: Encoding?
  /// Bytes of all stored tensors this weight takes, tables included.
  public let byteCount: Int
  let source: any TensorSource

  public init(
    name: String, shape: [Int], codec: any Codec, companions: [String] = [], scales: Scales = .plain,
    originalEncoding: Encoding? = nil, byteCount: Int, source: any TensorSource
  ) {
    self.name = name
    self.shape = shape
    self.codec = codec
    self.companions = companions
    self.scales = scales
    self.originalEncoding = originalEncoding
    self.byteCount = byteCount
    self.source = source
  }

  /// Every stored tensor that belongs to the weight: planes, tables, state.
  public var storedNames: [String] { [name] + companions }

  /// The name that one of `storedNames` has where the weight is called `newName`: `P.absmax` of `P.weight` belongs to `P`.
  func storedName(_ stored: String, under newName: String) -> String {
    func module(_ name: String) -> Substring { name[..<(name.lastIndex(of: ".") ?? name.startIndex)] }
    let (old, new) = (module(name), module(newName))
    guard stored != name else { return newName }
    return stored.hasPrefix(old) ? String(new + stored.dropFirst(old.count)) : stored
  }

  /// Whether there is a codec for it; otherwise it can only be copied.
  var canBeDecoded: Bool { !(codec is OpaqueCodec) }

  /// That it cannot.
  var refusalToDecode: FileError {
    FileError(
      .unsupported, path: source.name, subject: name,
      "is stored as \(codec.name), which cannot be decoded yet; such tensors can only be copied into the same container"
    )
  }

  /// The stored tensor's own encoding where the weight is one tensor of plain blocks; nil where it has several planes.
  public var singleEncoding: Encoding? {
    codec.planeCount == 1 && !codec.blocksCrossRows ? source.descriptor(of: name)?.encoding : nil
  }

  public func read(
    elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    guard canBeDecoded else { throw refusalToDecode }
    if let rows = codec as? RowInt8Codec { return try read(elements, of: rows, into: &values, scratch: &scratch) }
    let block = codec.elementsPerBlock
    let first = elements.lowerBound / block * block
    let last = min(elements.upperBound.dividedRoundingUp(by: block) * block, elementCount)
    guard first != elements.lowerBound || last != elements.upperBound else {
      return try decode(elements, into: &values, scratch: &scratch)
    }
    // Where a block is cut, whole blocks are decoded, and the part that was asked for is kept.
    var whole = [Float](repeating: 0, count: last - first)
    var span = whole.mutableSpan
    try decode(first..<last, into: &span, scratch: &scratch)
    for index in 0..<elements.count { values[index] = span[elements.lowerBound - first + index] }
  }

  /// Decodes whole blocks: `elements` begins at a block and ends at one or at the tensor's end.
  private func decode(
    _ elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    let byteCount = codec.byteCount(elements: elements.count)
    if scratch.count < byteCount { scratch = [UInt8](repeating: 0, count: byteCount) }
    var start = 0
    for plane in 0..<codec.planeCount {
      let count = codec.byteCount(plane: plane, elements: elements.count)
      let offset = codec.byteCount(plane: plane, elements: elements.lowerBound)
      if case .doubleQuantized(let scales) = scales, plane == codec.planeCount - 1 {
        try scales.read(
          blocks: elements.lowerBound / codec.elementsPerBlock, into: &scratch, at: start, count: count, from: source)
      } else {
        let name = plane == 0 ? name : companions[plane - 1]
        try scratch.withMutableBytes(in: start..<start + count) { bytes throws(FileError) in
          try source.read(name, at: offset, into: &bytes)
        }
      }
      start += count
    }
    scratch.withBytes(in: 0..<byteCount) { codec.decode($0, into: &values) }
  }

  /// A row of LLM.int8 has one scale, however long it is: a part of it is decoded as a row of its own.
  private func read(
    _ elements: Range<Int>, of codec: RowInt8Codec, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    var start = 0
    for part in RowPart.parts(of: elements, width: columns) {
      let codec = RowInt8Codec(columns: part.columns.count)
      let (codes, scales) = (part.count, part.rows.count * 4)
      if scratch.count < codes + scales { scratch = [UInt8](repeating: 0, count: codes + scales) }
      try scratch.withMutableBytes(in: 0..<codes) { bytes throws(FileError) in
        try source.read(name, at: part.elements(width: columns).lowerBound, into: &bytes)
      }
      try scratch.withMutableBytes(in: codes..<codes + scales) { bytes throws(FileError) in
        try source.read(companions[0], at: part.rows.lowerBound * 4, into: &bytes)
      }
      var span = values._mutatingExtracting(start..<start + part.count)
      scratch.withBytes(in: 0..<codes + scales) { codec.decode($0, into: &span) }
      start += part.count
    }
  }

  /// Fills `bytes` with the encoded form of the elements from `element` on, which begins a block, for tensors that have a
  /// `singleEncoding`.
  public func readEncoded(fromElement element: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    try source.read(name, at: codec.byteCount(plane: 0, elements: element), into: &bytes)
  }
}
