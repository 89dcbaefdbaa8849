/// Encodes runs of Float into blocks of bytes and back. A codec knows arithmetic and nothing of files.
///
/// The encoded form of a run of elements is one buffer with the codec's planes one after another, each holding
/// its part of every block: a GGML type has one plane; NF4 has two, the packed codes and the absmax scales.
/// Planes are stored apart, so that a run in the middle of a tensor is gathered from each plane's own place.
public protocol Codec: Sendable {
  /// As on the command line and in reports: `q4_0`, `nf4`, `bf16`.
  var name: String { get }

  /// Elements that are encoded together.
  var elementsPerBlock: Int { get }

  /// Whether the blocks of a tensor run over its row ends (bitsandbytes' flattened order). Where they do not, a row
  /// must be a whole number of blocks.
  var blocksCrossRows: Bool { get }

  /// Whether there is an encoder. Where there is none, `encode` throws `CodecError.notEncodable`; callers that plan ask
  /// before.
  var canEncode: Bool { get }

  /// Number of planes.
  var planeCount: Int { get }

  /// Bytes that `elements` elements take in plane `plane`. Only the last run of a tensor whose blocks cross rows may
  /// end in a partial block.
  func byteCount(plane: Int, elements: Int) -> Int

  /// Encodes `values` into `bytes`, plane after plane.
  /// - Throws: `CodecError` when a value is NaN or infinite, or a block's scale would be.
  func encode(_ values: Span<Float>, into bytes: inout MutableRawSpan) throws(CodecError)

  /// Decodes `bytes`, laid out as `encode` does, into `values`. Any bytes decode to something.
  func decode(_ bytes: RawSpan, into values: inout MutableSpan<Float>)
}

extension Codec {
  public var blocksCrossRows: Bool { false }
  public var canEncode: Bool { true }

  /// Bytes that `elements` elements take over all planes.
  public func byteCount(elements: Int) -> Int {
    var total = 0
    for plane in 0..<planeCount { total += byteCount(plane: plane, elements: elements) }
    return total
  }
}

/// Why values cannot be encoded. One rule for all types: a finite value beyond a type's range is refused and never clamped,
/// where a reference clamps it too. Indices count from the first value given.
public enum CodecError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The value at `index` is NaN or infinite.
  case notFinite(index: Int)
  /// The values from `index` on are so large, or so small, that the block's scale does not fit its type.
  case scaleOverflow(index: Int)
  /// The value at `index` is too large for the element type, or no whole number where it holds only those.
  case notRepresentable(index: Int)
  /// There is no encoder for the type: it is only decoded.
  case notEncodable(type: String)

  /// This error of values that begin `offset` elements further on.
  public func moved(by offset: Int) -> CodecError {
    switch self {
    case .notFinite(let index): .notFinite(index: index + offset)
    case .scaleOverflow(let index): .scaleOverflow(index: index + offset)
    case .notRepresentable(let index): .notRepresentable(index: index + offset)
    case .notEncodable: self
    }
  }

  public var description: String {
    switch self {
    case .notFinite(let index): "element \(index) is not a finite number"
    case .scaleOverflow(let index):
      "the values of the block at element \(index) are too large or too small for the scale of this type"
    case .notRepresentable(let index): "element \(index) cannot be represented in this element type"
    case .notEncodable(let type): "\(type) is decoded, and not yet encoded"
    }
  }
}

/// A codec that also says in plain Swift what its bytes are. Slow, and the definition: `encode` and `decode` must
/// give the same bits.
public protocol ReferencedCodec: Codec {
  /// The bytes of `values`, plane after plane.
  func referenceEncode(_ values: [Float]) throws(CodecError) -> [UInt8]

  /// The `elements` values of `bytes`.
  func referenceDecode(_ bytes: [UInt8], elements: Int) -> [Float]
}
