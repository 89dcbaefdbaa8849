public import Tensors

/// A codec of one plane, whose blocks all take the same number of bytes and do not know of each other: GGML's types,
/// and element types, whose blocks are single elements.
///
/// A conforming type says what one block is (`referenceEncode(block:)`, `referenceDecode(block:)`), and hands many
/// to its kernel.
public protocol BlockCodec: ReferencedCodec {
  /// Its name and the size of its blocks.
  var encoding: Encoding { get }

  /// Values from here on do not fit, in any block.
  var largestMagnitude: Float { get }

  /// The bytes of one block of finite values.
  func referenceEncode(block: [Float]) throws(CodecError) -> [UInt8]

  /// The values of one block.
  func referenceDecode(block: [UInt8]) -> [Float]

  /// Encodes whole blocks, and returns how many it could before one whose values are not finite or do not fit.
  func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int

  /// Decodes whole blocks.
  func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>)
}

extension BlockCodec {
  public var name: String { encoding.name }
  public var elementsPerBlock: Int { encoding.elementsPerBlock }
  public var planeCount: Int { 1 }
  public var largestMagnitude: Float { .infinity }

  public func byteCount(plane: Int, elements: Int) -> Int {
    blockCount(of: elements) * encoding.bytesPerBlock
  }

  public func encode(_ values: Span<Float>, into bytes: inout MutableRawSpan) throws(CodecError) {
    let blocks = checkedBlockCount(of: values, in: bytes)
    let done = encodeBlocks(values, into: &bytes)
    guard done == blocks else { throw failure(in: values, block: done) }
  }

  public func decode(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    let blocks = blockCount(of: values.count)
    precondition(bytes.byteCount == blocks * encoding.bytesPerBlock, "the bytes are not those of the values")
    decodeBlocks(bytes, into: &values)
  }

  public func referenceEncode(_ values: [Float]) throws(CodecError) -> [UInt8] {
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: values.count, by: elementsPerBlock) {
      let block = Array(values[start..<start + elementsPerBlock])
      if let index = block.firstIndex(where: { !$0.isFinite }) { throw .notFinite(index: start + index) }
      guard block.allSatisfy({ $0.magnitude < largestMagnitude }) else { throw unfit(at: start) }
      do throws(CodecError) {
        bytes += try referenceEncode(block: block)
      } catch {
        throw unfit(at: start)
      }
    }
    return bytes
  }

  public func referenceDecode(_ bytes: [UInt8], elements: Int) -> [Float] {
    var values: [Float] = []
    for start in stride(from: 0, to: bytes.count, by: encoding.bytesPerBlock) {
      values += referenceDecode(block: Array(bytes[start..<start + encoding.bytesPerBlock]))
    }
    return values
  }

  private func blockCount(of elements: Int) -> Int {
    precondition(elements % elementsPerBlock == 0, "\(elements) elements are not a whole number of \(name) blocks")
    return elements / elementsPerBlock
  }

  /// The number of blocks in `values`, whose encoded form `bytes` holds.
  func checkedBlockCount(of values: Span<Float>, in bytes: borrowing MutableRawSpan) -> Int {
    let blocks = blockCount(of: values.count)
    precondition(bytes.byteCount == blocks * encoding.bytesPerBlock, "the bytes are not those of the values")
    return blocks
  }

  private func unfit(at index: Int) -> CodecError {
    elementsPerBlock == 1 ? .notRepresentable(index: index) : .scaleOverflow(index: index)
  }

  /// Why `block` could not be encoded.
  func failure(in values: Span<Float>, block: Int) -> CodecError {
    let start = block * elementsPerBlock
    for index in start..<start + elementsPerBlock where !values[index].isFinite { return .notFinite(index: index) }
    return unfit(at: start)
  }
}
