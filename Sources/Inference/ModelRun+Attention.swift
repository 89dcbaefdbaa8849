internal import Architectures
internal import Bytes
@_spi(Benchmarks) internal import Quantization

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
          queryNorm: queryNorm, keyNorm: keyNorm, length: length)
        attend(head, rows: rows, memory: &memory)
      }
    }
  }

  private func attend(_ head: AttentionHead, rows: Range<Int>, memory: inout WorkerMemory.Contents) {
    let turnedQueries = memory.matrix(.queries, rows: length, columns: head.attention.headDimension)
    let turnedKeys = memory.matrix(.keys, rows: length, columns: head.attention.headDimension)
    head.turnQueries(matrix(.queries).part(rows: rows), into: turnedQueries)
    head.turnKeys(matrix(.keys).part(rows: rows), into: turnedKeys)
    let (values, mixed) = (matrix(.values), matrix(.mixed))
    let keyBiases = head.roundedBiases()
    let scores = memory.matrix(.scores, rows: min(Panel.queries, length), columns: length)
    for block in Panel.pieces(length, of: Panel.queries) {
      let seen = head.seen(by: block)
      let part = scores.part(rows: 0..<block.count, columns: 0..<seen.count)
      head.score(
        turnedQueries.part(rows: block), turnedKeys.part(rows: seen), keyBiases, seen, into: part,
        memory: memory.product)
      head.share(part, block, seen)
      KernelSet.best.multiply(
        part,
        values.part(
          rows: rows.lowerBound + seen.lowerBound..<rows.lowerBound + seen.upperBound, columns: head.sharedColumns),
        into: mixed.part(
          rows: rows.lowerBound + block.lowerBound..<rows.lowerBound + block.upperBound, columns: head.ownColumns),
        memory: memory.product)
    }
  }
}
