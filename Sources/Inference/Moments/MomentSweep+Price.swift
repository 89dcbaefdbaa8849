internal import Architectures
internal import Bytes
@_spi(Benchmarks) internal import Quantization

extension MomentSweep {
  /// Bytes of memory that a sweep takes, about.
  /// - Parameter batchTokens: tokens that are run together.
  public func memory(batchTokens: Int) -> Double {
    let byLayer = Dictionary(grouping: model.linears) { $0.layer ?? -1 }
    let moments = byLayer.values.map { layer in
      layer.reduce(0.0) { sum, linear in
        let shape = linear.linear.weight.shape
        let gradients =
          isFisher && linear.key != model.head.key ? MomentSums.byteCount(order: shape.first ?? 0) : 0
        return sum + Double(MomentSums.byteCount(order: shape.last ?? 0) + gradients)
      }
    }
    let widths = model.widths.values.reduce(0, +)
    // Registers, their gradients, what is recorded of a layer, and what is computed again.
    let activations = 4 * Double(batchTokens) * Double(widths) * (isFisher ? 4 : 1)
    let widest =
      model.linears.map { max($0.linear.weight.shape.first ?? 0, $0.linear.weight.shape.last ?? 0) }.max() ?? 0
    let logits = Double(Logits.pieceByteCount) + 4 * Double(model.vocabularySize)
    // A triangle is turned into floats before it is written.
    return (moments.max() ?? 0) * 1.5 + activations + 8 * Double(batchTokens) * Double(widest) + logits
      + model.memory(windows: 1, length: batchTokens, workers: workers.count)
  }

  /// Additions and multiplications of the sweep.
  public var operations: Double {
    let tokens = Double(batches.reduce(0) { $0 + $1.windows.reduce(0) { $0 + $1.count } })
    return model.linears.reduce(0.0) { sum, linear in
      let shape = linear.linear.weight.shape
      let (outputs, inputs) = (Double(shape.first ?? 0), Double(shape.last ?? 0))
      // An expert sees its own tokens only.
      let share = linear.key.contains("@") ? shareOfExperts : 1
      let isHead = linear.key == model.head.key
      let runs = isFisher ? (isHead ? 4.0 : 6.0) : 2
      let moments = inputs * inputs + (isFisher && !isHead ? outputs * outputs : 0)
      return sum + tokens * share * (runs * outputs * inputs + moments)
    }
  }

  private var shareOfExperts: Double {
    for case .mix(let mixture, _, _) in model.steps where mixture.experts.count > 0 {
      return Double(mixture.experts.usedCount) / Double(mixture.experts.count)
    }
    return 1
  }

  /// Additions and multiplications a second of products on this machine, all workers together; measured in a moment.
  public func measuredRate() -> Double {
    let size = 512
    let (left, right, result) = (
      Matrix(rows: size, columns: size), Matrix(rows: size, columns: size), Matrix(rows: size, columns: size)
    )
    for matrix in [left, right] { KernelSet.best.clear(matrix.part()) }
    let memory = KernelSet.productMemory()
    let clock = ContinuousClock()
    var best = Double.infinity
    for _ in 0..<5 {
      let time = clock.measure {
        KernelSet.best.multiply(left.part(), transposed: right.part(), into: result.part(), memory: memory)
      }
      best = min(best, Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18)
    }
    // What is not a product takes its share.
    return 0.4 * 2 * Double(size * size * size) / max(best, 1e-9) * Double(workers.count)
  }
}
