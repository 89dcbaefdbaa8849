public import Bytes
internal import Quantization
public import Tensors

/// A weight that is one stored tensor: of an element type, or of blocks along its rows.
public final class PlainTensor: StoredWeight {
  private let descriptor: TensorDescriptor
  public let source: any TensorSource
  public let originalEncoding: Encoding?

  /// - Parameter original: what it was before it was quantized; nil for what it is.
  public init(_ descriptor: TensorDescriptor, original: Encoding? = nil, in source: any TensorSource) {
    self.descriptor = descriptor
    self.source = source
    originalEncoding = original ?? descriptor.encoding
  }

  public var name: String { descriptor.name }
  public var shape: [Int] { descriptor.shape }
  public var typeName: String { descriptor.encoding.name }
  public var storedNames: [String] { [descriptor.name] }
  public var byteCount: Int { descriptor.byteCount }
  public var isQuantized: Bool { descriptor.encoding.elementsPerBlock > 1 }
  public var copiedEncoding: Encoding? { descriptor.encoding }

  public var refusalToDecode: FileError? {
    Catalog.codec(for: descriptor.encoding) == nil ? refusal : nil
  }

  private var refusal: FileError {
    FileError(
      .unsupported, path: source.name, subject: name,
      "is stored as \(typeName), which cannot be decoded yet; such tensors can only be copied into the same container")
  }

  public func read(
    elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    guard let codec = Catalog.codec(for: descriptor.encoding) else { throw refusal }
    try read(elements, decodingWith: codec, into: &values, scratch: &scratch)
  }

  public func readEncoded(fromElement element: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    let encoding = descriptor.encoding
    try source.read(name, at: element / encoding.elementsPerBlock * encoding.bytesPerBlock, into: &bytes)
  }
}
