internal import Architectures
internal import Bytes
@_spi(Benchmarks) internal import Quantization

extension ReverseRun {
  /// Attention proper. Shares are computed again, block by block; the heads of queries that share keys and values are one
  /// piece of work.
  func attend(
    _ attention: Attention, sinks: [Float]?, queryNorm: LoadedNorm?, keyNorm: LoadedNorm?, _ record: StepRecord
  ) async throws {
    let angles = run.table(attention.rotation)
    let shared = attention.keyHeadCount
    try await run.workers.forEach(run.windows.count * shared) { [self] item, worker in
      let rows = item / shared * run.length..<(item / shared + 1) * run.length
      let first = item % shared * attention.queriesPerKey
      run.memories[worker].withContents { memory in
        let heads = (first..<first + attention.queriesPerKey).map { number in
          AttentionHead(
            attention: attention, number: number, angles: angles, sink: sinks?[number], queryNorm: queryNorm,
            keyNorm: keyNorm, length: run.length)
        }
        attend(heads, rows: rows, record, memory: &memory)
      }
    }
  }

  private func attend(
    _ heads: [AttentionHead], rows: Range<Int>, _ record: StepRecord, memory: inout WorkerMemory.Contents
  ) {
    guard let first = heads.first else { return }
    let (length, width) = (run.length, first.attention.headDimension)
    let (queries, keys) = (record.input(.queries).part(rows: rows), record.input(.keys).part(rows: rows))
    let turnedQueries = memory.matrix(.queries, rows: length, columns: width)
    let turnedKeys = memory.matrix(.keys, rows: length, columns: width)
    let queryGradient = memory.matrix(.queryGradient, rows: length, columns: width)
    let keyGradient = memory.matrix(.keyGradient, rows: length, columns: width)
    first.turnKeys(keys, into: turnedKeys)
    KernelSet.best.clear(keyGradient.part())
    let biases = first.roundedBiases()
    for head in heads {
      head.turnQueries(queries, into: turnedQueries)
      for block in Panel.pieces(length, of: Panel.queries) {
        reverse(
          block, of: head, rows: rows, turnedQueries, turnedKeys,
          head.number == first.number ? biases : head.roundedBiases(),
          values: record.input(.values), queryGradient, keyGradient, memory: &memory)
      }
      head.reverseQueries(queries, gradient: queryGradient, memory: turnedQueries)
      KernelSet.best.add(queryGradient.part(), to: gradient(.queries).part(rows: rows, columns: head.ownColumns))
    }
    first.reverseKeys(keys, gradient: keyGradient, memory: turnedKeys)
    KernelSet.best.add(keyGradient.part(), to: gradient(.keys).part(rows: rows, columns: first.sharedColumns))
  }

  private func reverse(
    _ block: Range<Int>, of head: AttentionHead, rows: Range<Int>, _ queries: Matrix, _ keys: Matrix,
    _ biases: [Float]?, values: Matrix, _ queryGradient: Matrix, _ keyGradient: Matrix,
    memory: inout WorkerMemory.Contents
  ) {
    let seen = head.seen(by: block)
    let seenRows = rows.lowerBound + seen.lowerBound..<rows.lowerBound + seen.upperBound
    let ownRows = rows.lowerBound + block.lowerBound..<rows.lowerBound + block.upperBound
    let shares = memory.matrix(.scores, rows: block.count, columns: seen.count)
    let scores = memory.matrix(.scoreGradient, rows: block.count, columns: seen.count)
    let turned = memory.matrix(.turned, rows: seen.count, columns: block.count)
    head.score(
      queries.part(rows: block), keys.part(rows: seen), nil, seen, into: shares.part(), memory: memory.product)
    var capped: Matrix?
    if head.attention.scoreSoftCap != nil {
      let copy = memory.matrix(.capped, rows: block.count, columns: seen.count)
      KernelSet.best.copy(shares.part(), to: copy.part())
      capped = copy
    }
    if let biases { KernelSet.best.add(biases, columns: seen, to: shares.part()) }
    head.share(shares.part(), block, seen)

    let mixed = gradient(.mixed).part(rows: ownRows, columns: head.ownColumns)
    KernelSet.best.transpose(shares, into: turned)
    KernelSet.best.multiply(
      turned.part(), mixed, into: gradient(.values).part(rows: seenRows, columns: head.sharedColumns), adding: true,
      memory: memory.product)
    KernelSet.best.multiply(
      mixed, transposed: values.part(rows: seenRows, columns: head.sharedColumns), into: scores.part(),
      memory: memory.product)
    KernelSet.best.reverseSoftmax(shares.part(), gradient: scores.part())
    if let capped, let cap = head.attention.scoreSoftCap {
      KernelSet.best.reverseSoftCap(capped.part(), cap: cap, gradient: scores.part())
    }
    KernelSet.best.multiply(
      scores.part(), keys.part(rows: seen), into: queryGradient.part(rows: block), memory: memory.product)
    KernelSet.best.transpose(scores, into: turned)
    KernelSet.best.multiply(
      turned.part(), queries.part(rows: block), into: keyGradient.part(rows: seen), adding: true,
      memory: memory.product)
  }
}
