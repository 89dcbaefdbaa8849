internal import Architectures
@_spi(Benchmarks) internal import Quantization
internal import RealModule

/// One head of queries, and what it does with rows of a window.
struct AttentionHead {
  let attention: Attention
  let number: Int
  let angles: RotationTable
  let sink: Float?
  /// Norms that follow the rotation.
  let queryNorm: LoadedNorm?
  let keyNorm: LoadedNorm?
  /// Tokens of a window, with those that were read before.
  let length: Int
  /// The place of the first row.
  var position = 0

  /// The number of the head of keys and values.
  var shared: Int { number / attention.queriesPerKey }
  /// Columns of the queries, and of what is mixed.
  var ownColumns: Range<Int> { columns(number) }
  /// Columns of the keys and values.
  var sharedColumns: Range<Int> { columns(shared) }

  private func columns(_ head: Int) -> Range<Int> {
    head * attention.headDimension..<(head + 1) * attention.headDimension
  }

  private var isInterleaved: Bool { attention.rotation?.isInterleaved ?? false }

  // MARK: - Queries and keys

  /// The queries of the window's rows as they are multiplied with keys.
  func turnQueries(_ queries: MatrixPart, into turned: Matrix) {
    rotateQueries(queries, into: turned)
    if let norm = queryNorm {
      ModelRun.normalize(turned.part(), norm, head: number, into: turned.part())
      scale(turned, by: { _ in attention.scale })
    }
    if let temperature = attention.temperature { scale(turned, by: temperature.factor) }
  }

  func turnKeys(_ keys: MatrixPart, into turned: Matrix) {
    rotateKeys(keys, into: turned)
    if let norm = keyNorm { ModelRun.normalize(turned.part(), norm, head: shared, into: turned.part()) }
  }

  private func rotateQueries(_ queries: MatrixPart, into turned: Matrix) {
    // A norm that follows would undo the scale.
    KernelSet.best.rotate(
      queries.columns(ownColumns), by: angles, isInterleaved: isInterleaved,
      scale: queryNorm == nil ? attention.scale : 1, into: turned.part())
  }

  private func rotateKeys(_ keys: MatrixPart, into turned: Matrix) {
    KernelSet.best.rotate(
      keys.columns(sharedColumns), by: angles, isInterleaved: isInterleaved, scale: 1, into: turned.part())
  }

  /// The gradient of turned queries becomes that of the queries.
  /// - Parameter memory: takes rotated queries; as large as `gradient`.
  func reverseQueries(_ queries: MatrixPart, gradient: Matrix, memory: Matrix) {
    if let temperature = attention.temperature { scale(gradient, by: temperature.factor) }
    if let norm = queryNorm {
      scale(gradient, by: { _ in attention.scale })
      rotateQueries(queries, into: memory)
      ReverseRun.normalize(memory.part(), norm, head: number, gradient: gradient.part())
    }
    KernelSet.best.rotate(
      gradient.part(), by: angles.reversed, isInterleaved: isInterleaved,
      scale: queryNorm == nil ? attention.scale : 1, into: memory.part())
    KernelSet.best.copy(memory.part(), to: gradient.part())
  }

  func reverseKeys(_ keys: MatrixPart, gradient: Matrix, memory: Matrix) {
    if let norm = keyNorm {
      rotateKeys(keys, into: memory)
      ReverseRun.normalize(memory.part(), norm, head: shared, gradient: gradient.part())
    }
    KernelSet.best.rotate(
      gradient.part(), by: angles.reversed, isInterleaved: isInterleaved, scale: 1, into: memory.part())
    KernelSet.best.copy(memory.part(), to: gradient.part())
  }

  private func scale(_ matrix: Matrix, by factor: (_ position: Int) -> Float) {
    for row in 0..<matrix.rows {
      let factor = factor(position + row)
      guard factor != 1 else { continue }
      matrix.withMutableRows(row..<row + 1) { values in
        for index in values.indices { values[index] *= factor }
      }
    }
  }

  // MARK: - Scores

  private var window: Int { attention.window ?? Int.max }

  /// The keys that a block of queries sees.
  func seen(by block: Range<Int>) -> Range<Int> {
    (block.lowerBound >= window ? block.lowerBound - window + 1 : 0)..<block.upperBound
  }

  /// Products of queries and keys, capped where that is the model's way.
  func score(
    _ queries: MatrixPart, _ keys: MatrixPart, _ biases: [Float]?, _ seen: Range<Int>, into scores: MatrixPart,
    memory: Matrix
  ) {
    KernelSet.best.multiply(queries, transposed: keys, into: scores, memory: memory)
    if let cap = attention.scoreSoftCap { KernelSet.best.softCap(scores, cap: cap) }
    if let biases { KernelSet.best.add(biases, columns: seen, to: scores) }
  }

  /// Scores become shares.
  func share(_ scores: MatrixPart, _ block: Range<Int>, _ seen: Range<Int>) {
    KernelSet.best.causalSoftmax(
      scores, firstQuery: block.lowerBound, firstKey: seen.lowerBound, window: window, slope: slope, sink: sink)
  }

  /// What a key loses for every position of distance. Source: ALiBi (Press et al. 2021); heads beyond a power of two take
  /// every second slope of twice as many.
  private var exactSlope: Float {
    guard let alibi = attention.alibi else { return 0 }
    var power = 1
    while power * 2 <= attention.headCount { power *= 2 }
    let largest = Double(alibi.largestBias)
    let exponent =
      number < power
      ? largest / Double(power) * Double(number + 1)
      : largest / 2 / Double(power) * Double(2 * (number - power) + 1)
    return Float(Double.exp2(-exponent))
  }

  /// Zero where biases are rounded, which distances alone do not tell.
  var slope: Float { attention.alibi?.isRounded == true ? 0 : exactSlope }

  /// Falcon's biases of keys: products in bfloat16, scaled as the scores are.
  func roundedBiases() -> [Float]? {
    guard let alibi = attention.alibi, alibi.isRounded else { return nil }
    let slope = Self.bfloat16(exactSlope)
    return (0..<length).map { Self.bfloat16(slope * Self.bfloat16(Float($0))) * attention.scale }
  }

  private static func bfloat16(_ value: Float) -> Float {
    let bits = value.bitPattern
    return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
  }
}

extension Attention.Temperature {
  /// What the query at a position is multiplied by.
  func factor(_ position: Int) -> Float {
    1 + beta * Float.log(1 + Float(position / max(1, originalContextLength)))
  }
}
