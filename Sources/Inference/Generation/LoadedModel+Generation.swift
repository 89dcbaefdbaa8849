public import Bytes
@_spi(Benchmarks) internal import Quantization

extension LoadedModel {
  /// Bytes that keys and values of what is generated together take at most.
  private static let cacheBytes = 1.0 * 0x1p30

  /// Lets the model write windows of text, each from the same first token, by sampling at temperature 1.
  ///
  /// Which number is drawn depends on the window and the place alone. A processor that rounds otherwise may draw another token.
  /// - Parameter progress: is called after each token of a batch of windows with the number of tokens that there are now.
  /// - Throws: `FileError` when a weight cannot be read or logits are not finite; `CancellationError`.
  public func generate(
    windows count: Int, of length: Int, from first: Int32, seed: UInt64, workers: Workers,
    progress: (_ tokens: Int) throws -> Void = { _ in }
  ) async throws -> [[Int32]] {
    let generator = CounterGenerator(seed: seed)
    let size = max(
      1, min(count, Int(Self.cacheBytes / max(1, KeyValueCache.byteCount(self, windows: 1, length: length)))))
    let memories = (0..<workers.count).map { _ in WorkerMemory() }
    var texts: [[Int32]] = []
    for start in stride(from: 0, to: count, by: size) {
      let numbers = start..<min(start + size, count)
      var windows = numbers.map { _ in [first] }
      let cache = KeyValueCache(self, windows: numbers.count, length: length)
      let logits = Matrix(rows: numbers.count, columns: vocabularySize)
      for position in 0..<max(0, length - 1) {
        let run = ModelRun(
          model: self, windows: windows.map { [$0[position]] }, workers: workers, observer: nil, cache: cache,
          memories: memories)
        for step in steps { try await run.carryOut(step) }
        let states = try await run.finish(at: 0..<1)
        try await writeLogits(from: states, rows: 0..<numbers.count, to: logits, workers: workers)
        let drawn = await workers.map(numbers.count) { row, _ in
          logits.withMutableRows(row..<row + 1) {
            KernelSet.best.draw(
              from: &$0, generator.uniform(stream: UInt64(start + row), number: UInt64(position)))
          }
        }
        guard drawn.allSatisfy(\.logSum.isFinite) else {
          throw FileError(.mismatch, path: name, "gives logits that are infinite or not a number; are weights damaged?")
        }
        for row in windows.indices { windows[row].append(Int32(drawn[row].place)) }
        cache.advance()
        try progress(start * length + (position + 2) * numbers.count)
      }
      texts += windows
    }
    return texts
  }
}
