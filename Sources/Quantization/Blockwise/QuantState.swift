internal import JSON

/// What a file says of a blockwise tensor besides its planes: a JSON document in a tensor named
/// `<weight>.quant_state.bitsandbytes__nf4`. NF4 and FP4 are spelled as bitsandbytes does, our own codes in the same
/// way under `quant_state.decant__int4`.
public struct QuantState: Hashable, Sendable {
  public let code: BlockwiseCode
  /// Elements that share an absmax.
  public let blockSize: Int
  /// PyTorch's name of the type that values are decoded to: `bfloat16`.
  public let elementType: String
  /// Outermost dimension first.
  public let shape: [Int]
  /// Number of elements: the product of `shape`.
  public let elementCount: Int
  /// The offset of double quantization; nil where absmax is plain F32.
  public let nestedOffset: Float?

  /// The names that `elementType` may have.
  public static let elementTypes = ["float32", "float16", "bfloat16"]

  /// - Throws: `QuantStateError` when a dimension is negative, the number of elements is too large to count, or the
  ///   block size or element type is unknown.
  public init(
    code: BlockwiseCode, blockSize: Int, elementType: String, shape: [Int], nestedOffset: Float?
  ) throws(QuantStateError) {
    guard BlockwiseCodec.blockSizes.contains(blockSize) else {
      throw QuantStateError("block size \(blockSize) is none of \(BlockwiseCodec.blockSizes)")
    }
    guard Self.elementTypes.contains(elementType) else {
      throw QuantStateError("element type \"\(elementType)\" is none of \(Self.elementTypes)")
    }
    var elements = 1
    for dimension in shape {
      let (product, overflow) = elements.multipliedReportingOverflow(by: dimension)
      // Bits must be countable too.
      guard dimension >= 0, !overflow, product <= Int.max / 8 else {
        throw QuantStateError("shape \(shape) is not that of a tensor")
      }
      elements = product
    }
    if let nestedOffset, !nestedOffset.isFinite { throw QuantStateError("the nested offset is not finite") }
    self.code = code
    self.blockSize = blockSize
    self.elementType = elementType
    self.shape = shape
    self.elementCount = elements
    self.nestedOffset = nestedOffset
  }

  // MARK: Names

  /// What follows the weight's name and a period: `quant_state.bitsandbytes__nf4`.
  public var key: String { Self.key(of: code) }

  public static func key(of code: BlockwiseCode) -> String { "quant_state.\(code.owner)__\(code.name)" }

  /// The code whose state a tensor of that name holds, and the weight's name before it; nil for other tensors.
  public static func recognize(_ tensorName: String) -> (weight: String, code: BlockwiseCode)? {
    guard let (place, code) = endings.first(where: { tensorName.hasSuffix($0.ending) }) else { return nil }
    return (String(tensorName.dropLast(place.count)), code)
  }

  private static let endings = BlockwiseCode.all.map { (ending: "." + key(of: $0), code: $0) }

  /// Whether a tensor has the name of a state, of whatever code.
  public static func isNamed(_ tensorName: String) -> Bool {
    guard let period = tensorName.utf8.lastIndex(of: UInt8(ascii: ".")) else { return false }
    return tensorName[..<period].hasSuffix(".quant_state")
  }

  // MARK: Sizes

  /// Number of blocks, and so of absmax values.
  public var blockCount: Int { elementCount / blockSize + (elementCount % blockSize == 0 ? 0 : 1) }

  /// Bytes of the packed codes.
  public var codeByteCount: Int { (elementCount * code.bits + 7) / 8 }

  /// Checks the planes of a file against the shape.
  /// - Throws: `QuantStateError` when they are not of the size that the shape asks for.
  public func check(codeBytes: Int, absmaxCount: Int, nestedAbsmaxCount: Int?) throws(QuantStateError) {
    guard codeBytes == codeByteCount else {
      throw QuantStateError("shape \(shape) takes \(codeByteCount) bytes of codes, but there are \(codeBytes)")
    }
    guard absmaxCount == blockCount else {
      throw QuantStateError("shape \(shape) has \(blockCount) blocks, but there are \(absmaxCount) absmax values")
    }
    let nested = nestedOffset == nil ? nil : DoubleQuantization.nestedCount(of: blockCount)
    guard nestedAbsmaxCount == nested else {
      throw QuantStateError(
        "\(nested ?? 0) nested absmax values are expected, but there are \(nestedAbsmaxCount ?? 0)")
    }
  }
}

/// Why a quantization state cannot be used, as one sentence.
public struct QuantStateError: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}

// MARK: - Bytes

extension QuantState {
  /// The JSON document, with keys, separators and numbers as Python's `json.dumps` writes them, and spaces after it
  /// to the length of `byteCount`. Readers pass over the spaces.
  public func serialized() -> [UInt8] {
    let document = document(offset: nestedOffset.map { PythonNumber.text(of: Double($0)) })
    return Array(document.utf8) + [UInt8](repeating: UInt8(ascii: " "), count: byteCount - document.utf8.count)
  }

  /// Bytes of `serialized()`: the same for every offset, so that they are known before a weight is read.
  public var byteCount: Int {
    document(offset: nestedOffset.map { _ in String(repeating: "0", count: PythonNumber.longestText) }).utf8.count
  }

  private func document(offset: String?) -> String {
    var text = """
      {"quant_type": "\(code.name)", "blocksize": \(blockSize), "dtype": "\(elementType)", \
      "shape": [\(shape.map(String.init).joined(separator: ", "))]
      """
    if let offset {
      text += """
        , "nested_blocksize": \(DoubleQuantization.blockSize), "nested_dtype": "float32", "nested_offset": \(offset)
        """
    }
    return text + "}"
  }

  /// Parses the document in a tensor whose name says `code`.
  /// - Throws: `QuantStateError` when it is not a JSON object, has a key that is not known or lacks one, or a value is
  ///   out of range.
  public init(parsing bytes: [UInt8], code: BlockwiseCode) throws(QuantStateError) {
    let document: JSONValue
    do throws(JSONError) {
      document = try JSONValue(parsing: bytes)
    } catch {
      throw QuantStateError("is not JSON: \(error)")
    }
    guard let members = document.object else { throw QuantStateError("is not a JSON object") }
    let known = [
      "quant_type", "blocksize", "dtype", "shape", "nested_blocksize", "nested_dtype", "nested_offset",
    ]
    if let key = members.keys.sorted().first(where: { !known.contains($0) }) {
      throw QuantStateError("has the unknown key \"\(key)\"")
    }
    guard members["quant_type"]?.string == code.name else {
      throw QuantStateError("\"quant_type\" is not \"\(code.name)\", as the tensor's name says")
    }
    guard let blockSize = members["blocksize"]?.int else { throw QuantStateError("has no whole \"blocksize\"") }
    guard let elementType = members["dtype"]?.string else { throw QuantStateError("has no \"dtype\"") }
    guard let dimensions = members["shape"]?.array else { throw QuantStateError("has no \"shape\"") }
    let shape = dimensions.compactMap(\.int)
    guard shape.count == dimensions.count else { throw QuantStateError("\"shape\" is not a list of whole numbers") }
    var offset: Float?
    if members.keys.contains(where: { $0.hasPrefix("nested_") }) {
      guard members["nested_blocksize"]?.int == DoubleQuantization.blockSize else {
        throw QuantStateError("\"nested_blocksize\" is not \(DoubleQuantization.blockSize)")
      }
      guard members["nested_dtype"]?.string == "float32" else {
        throw QuantStateError("\"nested_dtype\" is not \"float32\"")
      }
      guard let number = members["nested_offset"]?.double else { throw QuantStateError("has no \"nested_offset\"") }
      offset = Float(number)
    }
    try self.init(
      code: code, blockSize: blockSize, elementType: elementType, shape: shape, nestedOffset: offset)
  }
}
