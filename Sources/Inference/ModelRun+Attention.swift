internal import Architectures
internal import Bytes
internal import Quantization
internal import RealModule

extension ModelRun {
  /// Attention proper: every head of every window by itself, from queries, keys and values into `mixed`.
  func attend(
    _ attention: Attention, sinks: [Float]?, queryNorm: LoadedNorm?, keyNorm: LoadedNorm?
  ) async throws {
    let heads = attention.headCount
    let angles = table(attention.rotation)
    try await workers.forEach(windows.count * heads) { [self] item, worker in
      let window = item / heads
      let rows = window * length..<(window + 1) * length
      memories[worker].withContents { memory in
        let head = AttentionHead(
          attention: attention, number: item % heads, angles: angles, sink: sinks?[item % heads],
          queryNorm: queryNorm, keyNorm: keyNorm)
        attend(head, rows: rows, memory: &memory)
      }
    }
  }

  private func attend(_ head: AttentionHead, rows: Range<Int>, memory: inout WorkerMemory.Contents) {
    let attention = head.attention
    let dimension = attention.headDimension
    let shared = head.number / attention.queriesPerKey
    let headColumns = head.number * dimension..<(head.number + 1) * dimension
    let sharedColumns = shared * dimension..<(shared + 1) * dimension
    let window = attention.window ?? Int.max
    let isInterleaved = attention.rotation?.isInterleaved ?? false

    let turnedQueries = memory.matrix(.queries, rows: length, columns: dimension)
    let turnedKeys = memory.matrix(.keys, rows: length, columns: dimension)
    // A norm that follows would undo the scale.
    KernelSet.best.rotate(
      matrix(.queries).part(rows: rows, columns: headColumns), by: head.angles, isInterleaved: isInterleaved,
      scale: head.queryNorm == nil ? attention.scale : 1, into: turnedQueries.part())
    KernelSet.best.rotate(
      matrix(.keys).part(rows: rows, columns: sharedColumns), by: head.angles, isInterleaved: isInterleaved, scale: 1,
      into: turnedKeys.part())
    if let norm = head.queryNorm {
      Self.normalize(turnedQueries.part(), norm, head: head.number, into: turnedQueries.part())
      scale(turnedQueries, by: { _ in attention.scale })
    }
    if let norm = head.keyNorm { Self.normalize(turnedKeys.part(), norm, head: shared, into: turnedKeys.part()) }
    if let temperature = attention.temperature { scale(turnedQueries, by: temperature.factor) }

    let (values, mixed) = (matrix(.values), matrix(.mixed))
    let slope = head.slope
    let keyBiases = head.roundedBiases(count: length)
    let scores = memory.matrix(.scores, rows: min(Panel.queries, length), columns: length)
    for block in Panel.pieces(length, of: Panel.queries) {
      let oldest = block.lowerBound >= window ? block.lowerBound - window + 1 : 0
      let seen = oldest..<block.upperBound
      let part = scores.part(rows: 0..<block.count, columns: 0..<seen.count)
      KernelSet.best.multiply(
        turnedQueries.part(rows: block), transposed: turnedKeys.part(rows: seen), into: part, memory: memory.product)
      if let cap = attention.scoreSoftCap { KernelSet.best.softCap(part, cap: cap) }
      if let keyBiases { KernelSet.best.add(keyBiases, columns: seen, to: part) }
      KernelSet.best.causalSoftmax(
        part, firstQuery: block.lowerBound, firstKey: oldest, window: window, slope: slope, sink: head.sink)
      KernelSet.best.multiply(
        part,
        values.part(
          rows: rows.lowerBound + seen.lowerBound..<rows.lowerBound + seen.upperBound, columns: sharedColumns),
        into: mixed.part(
          rows: rows.lowerBound + block.lowerBound..<rows.lowerBound + block.upperBound, columns: headColumns),
        memory: memory.product)
    }
  }

  private func scale(_ matrix: Matrix, by factor: (_ position: Int) -> Float) {
    for position in 0..<matrix.rows {
      let factor = factor(position)
      guard factor != 1 else { continue }
      matrix.withMutableRows(position..<position + 1) { values in
        for index in values.indices { values[index] *= factor }
      }
    }
  }
}

/// What one head of queries needs beside its rows.
private struct AttentionHead {
  let attention: Attention
  let number: Int
  let angles: RotationTable
  let sink: Float?
  /// Norms that follow the rotation.
  let queryNorm: LoadedNorm?
  let keyNorm: LoadedNorm?

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
  func roundedBiases(count: Int) -> [Float]? {
    guard let alibi = attention.alibi, alibi.isRounded else { return nil }
    let slope = Self.bfloat16(exactSlope)
    return (0..<count).map { Self.bfloat16(slope * Self.bfloat16(Float($0))) * attention.scale }
  }

  private static func bfloat16(_ value: Float) -> Float {
    let bits = value.bitPattern
    return Float(bitPattern: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) & 0xFFFF_0000)
  }
}

extension Attention.Temperature {
  /// What the query at a position is multiplied by.
  fileprivate func factor(_ position: Int) -> Float {
    1 + beta * Float.log(1 + Float(position / max(1, originalContextLength)))
  }
}
