internal import Bytes
internal import Quantization
internal import Synchronization

/// Encodes with codes and scales that a calibration chooses, matrix by matrix. Where what was held back does not show that they are
/// better than those of the type's own encoder, its bytes are taken.
struct CalibratedEncoder: TensorEncoder {
  /// The type's own.
  let reference: any TensorEncoder
  let scalar: any ScalarCodec
  let calibration: Calibration
  /// Whose rows they are, for each matrix of the tensor.
  let parts: [[CalibratedPart]]
  /// Takes what was gained.
  let gains: CalibrationGains
  let name: String
  /// Of double quantization.
  let nested: DoubleQuantizingEncoder?

  /// - Returns: nil for an encoder whose type is not one of levels and scales, or whose blocks run over the ends of rows.
  init?(
    _ reference: any TensorEncoder, of name: String, columns: Int, parts: [[CalibratedPart]],
    _ calibration: Calibration,
    _ gains: CalibrationGains
  ) {
    guard let scalar = reference.codec as? any ScalarCodec, scalar.fits(columns: columns) else { return nil }
    nested = reference as? DoubleQuantizingEncoder
    if nested != nil, parts.count != 1 || parts.first?.count != 1 { return nil }
    self.reference = reference
    self.scalar = scalar
    self.calibration = calibration
    self.parts = parts
    self.gains = gains
    self.name = name
  }

  var type: TargetType { reference.type }
  var codec: any Codec { reference.codec }
  var importance: [Float]? { reference.importance }
  var needsWholeRows: Bool { true }
  var needsWholeMatrices: Bool { true }
  var settings: String { "calibrated \(calibration.digest)" }

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
      var gain = CalibrationGains.Gain(name: encoder.name, type: encoder.type.name)
      for part in encoder.parts[first / (rows * columns)] {
        guard let (coded, damage) = try better(part, values, than: decoded) else { continue }
        gain.reference += damage.reference
        gain.calibrated += min(damage.reference, damage.calibrated)
        gain.rows += part.rows.count
        guard damage.calibrated < damage.reference else { continue }
        gain.calibratedRows += part.rows.count
        do throws(CodecError) {
          try pack(coded, part.rows, into: &bytes)
        } catch {
          throw .codec(error)
        }
      }
      encoder.gains.add(gain)
    }

    /// What a calibration makes of some rows, and what it and the type's own encoder cost; nil where nothing is known of them.
    private func better(
      _ part: CalibratedPart, _ values: Span<Float>, than reference: [Float]
    ) throws(SlabFailure) -> (coded: CodedRows, damage: (reference: Double, calibrated: Double))? {
      let layer: LayerMoments?
      do throws(FileError) { layer = try encoder.calibration.moments(of: part.key) } catch { throw .file(error) }
      guard let layer, layer.inputs.order == columns,
        (layer.gradients?.order ?? .max) > (part.layerRows.max() ?? 0)
      else { return nil }
      var own: [Float] = []
      var errors: [Float] = []
      own.reserveCapacity(part.rows.count * columns)
      errors.reserveCapacity(part.rows.count * columns)
      for row in part.rows {
        for index in row * columns..<(row + 1) * columns {
          own.append(values[index])
          errors.append(reference[index] - values[index])
        }
      }
      let known = layer.rows(part.layerRows)
      let grid = encoder.nested == nil ? encoder.scalar.grid : encoder.scalar.grid.nestingScales()
      let coded: CodedRows
      do throws(CalibratedEncoding.Failure) {
        coded = try CalibratedEncoding(inputs: known.inputs, gradients: known.gradients)
          .encode(own.span, rows: part.rows.count, grid: grid)
      } catch {
        return nil
      }
      let before = layer.damage(of: errors.span, rows: part.layerRows)
      let decoded = coded.values()
      for index in errors.indices { errors[index] = decoded[index] - own[index] }
      return (coded, (before, layer.damage(of: errors.span, rows: part.layerRows)))
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
