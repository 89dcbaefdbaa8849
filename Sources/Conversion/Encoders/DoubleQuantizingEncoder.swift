internal import Bytes
internal import Quantization
internal import Synchronization

/// Encodes with a blockwise codec whose scales are quantized in turn, when all of them are known.
struct DoubleQuantizingEncoder: TensorEncoder {
  /// The planes that come last.
  enum Tail {
    /// The 8-bit codes of the absmax scales.
    static let scaleCodes = 0
    /// The absmax of the blocks of scales.
    static let nestedScales = 1
    /// The state, with the offset that the scales turned out to have.
    static let state = 2
  }

  let type: TargetType
  let codec: any Codec
  /// But for the offset.
  let state: QuantState
  /// Of the output.
  let path: String

  /// The bytes of the state with an offset; nil where there is none with it.
  func state(offset: Float) -> [UInt8]? {
    try? QuantState(
      code: state.code, blockSize: state.blockSize, elementType: state.elementType, shape: state.shape,
      nestedOffset: offset
    ).serialized()
  }

  func prepared(for shape: [Int]) -> any SlabEncoder { Slabs(codec: codec, state: state, path: path) }

  private final class Slabs: SlabEncoder {
    private let codec: any Codec
    private let state: QuantState
    private let path: String
    /// Absmax of every block.
    private let scales: Mutex<[Float]>

    init(codec: any Codec, state: QuantState, path: String) {
      self.codec = codec
      self.state = state
      self.path = path
      scales = Mutex([])
    }

    func encode(_ values: Span<Float>, from first: Int, into bytes: inout MutableRawSpan) throws(SlabFailure) {
      do throws(CodecError) { try codec.encode(values, into: &bytes) } catch { throw .codec(error) }
      let last = codec.planeCount - 1
      let size = codec.byteCount(plane: last, elements: values.count)
      let own = [Float](bytes: bytes.bytes.extracting(bytes.byteCount - size..<bytes.byteCount))
      scales.withLock { scales in
        if scales.isEmpty { scales = Array(repeating: 0, count: state.blockCount) }
        var all = scales.mutableSpan
        all.copy(own.span, at: first / codec.elementsPerBlock)
      }
    }

    func tails() throws(FileError) -> [[UInt8]] {
      let scales = scales.withLock { scales in
        defer { scales = [] }
        return scales
      }
      let offset = DoubleQuantization.offset(of: scales.span)
      var codes = [UInt8](repeating: 0, count: scales.count)
      var nested = [Float](repeating: 0, count: DoubleQuantization.nestedCount(of: scales.count))
      var codeSpan = codes.mutableSpan
      var nestedSpan = nested.mutableSpan
      DoubleQuantization.encode(scales.span, offset: offset, into: &codeSpan, nestedAbsmax: &nestedSpan)
      do throws(QuantStateError) {
        let state = try QuantState(
          code: state.code, blockSize: state.blockSize, elementType: state.elementType, shape: state.shape,
          nestedOffset: offset)
        return [codes, nested.littleEndianBytes, state.serialized()]
      } catch {
        throw FileError(.malformed, path: path, error.description)
      }
    }
  }
}
