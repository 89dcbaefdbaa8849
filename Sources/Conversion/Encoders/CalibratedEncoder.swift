internal import Bytes
internal import Quantization
internal import Synchronization

/// Encodes with codes and scales that a calibration chooses, matrix by matrix. Where what was held back does not show that they are
/// better than those of the type's own encoder, its bytes are taken.
struct CalibratedEncoder: TensorEncoder {
  /// The type's own.
  let reference: any TensorEncoder
  let scalar: any ScalarCodec
  let codes: CalibratedCodes
  /// Of double quantization.
  let nested: DoubleQuantizingEncoder?

  /// - Returns: nil for an encoder whose type is not one of levels and scales, or whose blocks run over the ends of rows.
  init?(_ reference: any TensorEncoder, columns: Int, _ codes: CalibratedCodes) {
    guard let scalar = reference.codec as? any ScalarCodec, scalar.fits(columns: columns) else { return nil }
    nested = reference as? DoubleQuantizingEncoder
    if nested != nil, codes.parts.count != 1 || codes.parts.first?.count != 1 { return nil }
    self.reference = reference
    self.scalar = scalar
    self.codes = codes
  }

  var type: TargetType { reference.type }
  var codec: any Codec { reference.codec }
  var importance: [Float]? { reference.importance }
  var needsWholeRows: Bool { true }
  var needsWholeMatrices: Bool { true }
  var settings: String { codes.settings }

  func prepared(for shape: [Int]) -> any SlabEncoder { Slabs(self, shape) }

  private final class Slabs: SlabEncoder {
    private let encoder: CalibratedEncoder
    private let own: any SlabEncoder
    private let rows: Int
    private let columns: Int
    /// Of double quantization, where the calibrated codes were taken.
    private let nestedTails = Mutex<[[UInt8]]?>(nil)

    init(_ encoder: CalibratedEncoder, _ shape: [Int]) {
      self.encoder = encoder
      own = encoder.reference.prepared(for: shape)
      columns = shape.last ?? 1
      rows = shape.dropLast().last ?? 1
    }

    func encode(_ values: Span<Float>, from first: Int, into bytes: inout MutableRawSpan) throws(SlabFailure) {
      try own.encode(values, from: first, into: &bytes)
      let codec = encoder.codec
      var decoded = [Float](repeating: 0, count: values.count)
      var span = decoded.mutableSpan
      codec.decode(bytes.bytes, into: &span)
      let grid = encoder.nested == nil ? encoder.scalar.grid : encoder.scalar.grid.nestingScales()
      let better: [CalibratedCodes.Found]
      do throws(FileError) {
        better = try encoder.codes.better(
          than: decoded, of: values, matrix: first / (rows * columns), columns: columns, grid: grid)
      } catch {
        throw .file(error)
      }
      do throws(CodecError) {
        for found in better { try pack(found.coded, found.rows, into: &bytes) }
      } catch {
        throw .codec(error)
      }
    }

    private func pack(_ coded: CodedRows, _ rows: [Int], into bytes: inout MutableRawSpan) throws(CodecError) {
      let codec = encoder.scalar
      var packed = [UInt8](repeating: 0, count: codec.byteCount(elements: coded.rows * columns))
      try packed.withMutableBytes { span throws(CodecError) in try codec.pack(coded, into: &span) }
      var (from, to) = (0, 0)
      for plane in 0..<codec.planeCount {
        let size = codec.byteCount(plane: plane, elements: columns)
        for (number, row) in rows.enumerated() {
          packed.withBytes(in: from + number * size..<from + (number + 1) * size) {
            bytes.copy($0, at: to + row * size)
          }
        }
        from += size * coded.rows
        to += size * self.rows
      }
      guard let nested = encoder.nested, let scales = coded.nested else { return }
      nestedTails.withLock { tails in
        tails = [coded.scaleCodes(), scales.stored.littleEndianBytes, nested.state(offset: scales.offset) ?? []]
      }
    }

    func tails() throws(FileError) -> [[UInt8]] {
      if let tails = nestedTails.withLock({ $0 }) { return tails }
      return try own.tails()
    }
  }
}
