package import Bytes
internal import Quantization
internal import Tensors

/// What errors of output tensors cost a model, by what a calibration knows of its layers.
package struct CalibratedDamage: Sendable {
  private let calibration: any Calibration
  private let finder: CalibratedRowFinder
  private let known: Set<String>
  /// Tokens that were read.
  private let tokens: Int

  /// - Throws: `FileError` when the model's forward pass is not known.
  package init(_ calibration: any Calibration, of checkpoint: Checkpoint) throws(FileError) {
    self.calibration = calibration
    finder = try CalibratedRowFinder(checkpoint)
    // Of a head there are none: it has as many outputs as there are tokens.
    known = Set(calibration.keys.filter(calibration.hasGradients))
    tokens = calibration.settings.texts.reduce(0) { $0 + $1.tokens }
  }

  /// Bytes that it takes to look at a matrix, about.
  package static func memory(rows: Int, columns: Int) -> Double {
    // Moments as they are stored and square, pairs of rows; the weights before and after, what is cut out, and a product.
    let (rows, columns) = (Double(rows), Double(columns))
    return (2 + 4) * (rows * rows + columns * columns) + 5 * 4 * rows * columns
  }

  /// Whether all rows of a tensor are those of layers that are known, with gradients.
  package func knows(_ tensor: PlannedTensor) -> Bool {
    guard let parts = finder.parts(of: tensor.rows.derivation, shape: tensor.shape) else {
      return false
    }
    return parts.joined().allSatisfy { known.contains($0.key) }
  }

  /// The rise of the divergence of the model's predictions, in nats a token.
  /// - Parameters:
  ///   - errors: of a matrix of the tensor, row after row.
  ///   - matrix: its number.
  /// - Returns: 0 where no token has reached the layer.
  package func divergence(of errors: Span<Float>, tensor: PlannedTensor, matrix: Int) throws(FileError) -> Double {
    let columns = tensor.rows.columns
    var total = 0.0
    for part in finder.parts(of: tensor.rows.derivation, shape: tensor.shape)?[matrix] ?? [] {
      guard let layer = try calibration.moments(of: part.key) else { continue }
      guard layer.inputs.order == columns, (layer.gradients?.order ?? .max) > (part.layerRows.max() ?? 0) else {
        throw FileError(
          .mismatch, path: calibration.path, subject: part.key,
          "is of another shape than \(FileError.quoted(tensor.name)) of the model")
      }
      var own: [Float] = []
      own.reserveCapacity(part.rows.count * columns)
      for row in part.rows { for index in row * columns..<(row + 1) * columns { own.append(errors[index]) } }
      total += layer.quadratic(of: own.span, rows: part.layerRows) / 2 * Double(layer.tokens) / Double(max(1, tokens))
    }
    return total
  }
}
