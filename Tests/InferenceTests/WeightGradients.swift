@_spi(Benchmarks) import Quantization
import Bytes
@_spi(Benchmarks) @testable import Inference
import Synchronization
import Tensors

/// The gradients of weights, which follow from what linear layers are given and the gradients of what they give: as
/// products with tensors, so that a number stands for a whole gradient.
final class WeightGradients: GradientObserver {
  /// What the weight of a layer is multiplied with, element by element, and summed.
  typealias Direction = @Sendable (Inference.LinearLayer) throws -> [Double]

  private let direction: Direction
  private let sums = Mutex<[String: Double]>([:])

  init(along direction: @escaping Direction) { self.direction = direction }

  /// By the names of the layers; those of experts of one stack are added up.
  var products: [String: Double] { sums.withLock { $0 } }

  func observe(_ inputs: MatrixPart, gradient: MatrixPart, of layer: Inference.LinearLayer, workers: Workers)
    async throws
  {
    let direction = try direction(layer)
    precondition(direction.count == layer.outputs * layer.inputs)
    var sum = 0.0
    for row in 0..<inputs.rows.count {
      let given = Self.values(inputs, row)
      for (output, slope) in Self.values(gradient, row).enumerated() where slope != 0 {
        var product = 0.0
        for column in given.indices { product += given[column] * direction[output * given.count + column] }
        sum += slope * product
      }
    }
    sums.withLock { $0[String(layer.name.prefix { $0 != "@" }), default: 0] += sum }
  }

  private static func values(_ part: MatrixPart, _ row: Int) -> [Double] {
    part.matrix.withRow(part.rows.lowerBound + row) { values in part.columns.map { Double(values[$0]) } }
  }
}
