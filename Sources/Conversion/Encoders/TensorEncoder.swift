public import Bytes
public import Quantization

/// How the values of a weight become bytes: the type, and what the encoder is told of the weight. A plan gives each tensor
/// that is encoded one; it is prepared once for it, when its first slab is poured.
public protocol TensorEncoder: Sendable {
  var type: TargetType { get }

  /// That of the type.
  var codec: any Codec { get }

  /// How much each column matters, for each matrix of the tensor in turn; nil where all matter alike.
  var importance: [Float]? { get }

  /// Whether it looks at whole rows; any run of whole blocks will do otherwise.
  var needsWholeRows: Bool { get }

  /// Whether it looks at whole matrices.
  var needsWholeMatrices: Bool { get }

  /// Whether values that are NaN or infinite are stored rather than refused.
  var keepsNonFinite: Bool { get }

  /// Settings of its own that change what it gives, in words: a run that was stopped is gone on with only where they are the
  /// same.
  var settings: String { get }

  /// Gets ready for the slabs of a tensor of that shape.
  func prepared(for shape: [Int]) -> any SlabEncoder
}

extension TensorEncoder {
  public var importance: [Float]? { nil }
  public var needsWholeRows: Bool { false }
  public var needsWholeMatrices: Bool { false }
  public var keepsNonFinite: Bool { false }
  public var settings: String { "" }
}

/// Encodes the slabs of one weight, from any worker and in any order.
public protocol SlabEncoder: Sendable {
  /// Encodes the values from element number `first` on.
  /// - Parameter bytes: takes the codec's planes, one after another.
  /// - Throws: `SlabFailure`, indices counting from the first value given.
  func encode(_ values: Span<Float>, from first: Int, into bytes: inout MutableRawSpan) throws(SlabFailure)

  /// The bytes of the planes that are known only when all slabs are done, by their numbers.
  func tails() throws(FileError) -> [[UInt8]]
}

/// Why a slab cannot be encoded.
public enum SlabFailure: Error {
  case codec(CodecError)
  /// What the encoder has to read beside the weight cannot be read.
  case file(FileError)
}

extension SlabEncoder {
  public func tails() throws(FileError) -> [[UInt8]] { [] }
}
