internal import Bytes
internal import Quantization

/// Lets a calibration choose codes and scales of one tensor, matrix by matrix.
struct CalibratedCodes: Sendable {
  let calibration: any Calibration
  /// Of the output tensor, and what it is stored as.
  let name: String
  let type: String
  /// Whose rows they are, for each matrix of the tensor.
  let parts: [[CalibratedPart]]
  /// Takes what was gained.
  let gains: CalibrationGains
  let room: CalibrationRoom

  /// What is better than what a type's own encoder gives.
  struct Found {
    let coded: CodedRows
    /// Numbers of the rows in the matrix.
    let rows: [Int]
  }

  /// Calibrated codes, and what they and those of a type's own encoder cost.
  private typealias Choice = (coded: CodedRows, damage: (reference: Double, calibrated: Double))

  /// What tells the codes from others.
  var settings: String { "calibrated \(calibration.digest)" }

  /// Rows whose calibrated codes cost less, by what was held back, than those of the type's own encoder.
  /// - Parameters:
  ///   - reference: what the own encoder's codes stand for.
  ///   - values: the matrix.
  ///   - matrix: its number in the tensor.
  ///   - number: what scales of eight bits are multiplied by.
  func better(
    than reference: [Float], of values: Span<Float>, matrix: Int, columns: Int, grid: ScalarGrid, number: Float = 1
  ) throws(FileError) -> [Found] {
    var gain = CalibrationGains.Gain(name: name, type: type)
    var better: [Found] = []
    for part in parts[matrix] {
      let found = try room.enter { () throws(FileError) -> Choice? in
        try self.found(part, of: values, than: reference, columns: columns, grid: grid, number: number)
      }
      guard let (coded, damage) = found else { continue }
      gain.reference += damage.reference
      gain.calibrated += min(damage.reference, damage.calibrated)
      gain.rows += part.rows.count
      guard damage.calibrated < damage.reference else { continue }
      gain.calibratedRows += part.rows.count
      better.append(Found(coded: coded, rows: part.rows))
    }
    gains.add(gain)
    return better
  }

  /// What a calibration makes of some rows, and what it and the type's own encoder cost; nil where nothing is known of them.
  private func found(
    _ part: CalibratedPart, of values: Span<Float>, than reference: [Float], columns: Int, grid: ScalarGrid,
    number: Float
  ) throws(FileError) -> Choice? {
    guard let layer = try calibration.moments(of: part.key), layer.inputs.order == columns,
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
    let coded: CodedRows
    do throws(CalibratedEncoding.Failure) {
      coded = try CalibratedEncoding(inputs: known.inputs, gradients: known.gradients)
        .encode(own.span, rows: part.rows.count, grid: grid, number: number)
    } catch {
      if error == .interrupted { try Interruption.check(calibration.path) }
      return nil
    }
    let before = layer.damage(of: errors.span, rows: part.layerRows)
    let decoded = coded.values()
    for index in errors.indices { errors[index] = decoded[index] - own[index] }
    return (coded, (before, layer.damage(of: errors.span, rows: part.layerRows)))
  }
}
