internal import Architectures
internal import Bytes
@_spi(Benchmarks) internal import Quantization
internal import Synchronization

/// Keys and values of all tokens that were read, so that one more costs no more than itself.
final class KeyValueCache: Sendable {
  /// Those of one layer: rows of keys that are turned, and of values, `length` for each window.
  struct Layer: Sendable {
    let keys: Matrix
    let values: Matrix
  }

  /// Tokens of a window at most.
  let length: Int
  /// By the positions that there are.
  let angles: [Attention.Rotation: RotationTable]
  private let layers: [Layer]
  private let state = Mutex((position: 0, layer: 0))

  init(_ model: LoadedModel, windows: Int, length: Int) {
    self.length = length
    angles = model.rotationTables(length: length)
    layers = model.steps.compactMap { step in
      guard case .attend(let attention, _, _, _) = step else { return nil }
      return Layer(
        keys: Matrix(rows: windows * length, columns: attention.keyWidth),
        values: Matrix(rows: windows * length, columns: attention.keyWidth))
    }
  }

  /// Bytes that such a cache takes.
  static func byteCount(_ model: LoadedModel, windows: Int, length: Int) -> Double {
    model.steps.reduce(0) { sum, step in
      guard case .attend(let attention, _, _, _) = step else { return sum }
      return sum + 8 * Double(windows) * Double(length) * Double(attention.keyWidth)
    }
  }

  /// The place of the token that is read.
  var position: Int { state.withLock { $0.position } }

  /// The layer whose turn it is.
  func nextLayer() -> Layer {
    state.withLock { state in
      defer { state.layer += 1 }
      return layers[state.layer]
    }
  }

  /// Goes on with the next token of every window.
  func advance() { state.withLock { $0 = ($0.position + 1, 0) } }
}

extension ModelRun {
  /// Attention of one token of each window to itself and all before it.
  func attend(
    _ attention: Attention, sinks: [Float]?, queryNorm: LoadedNorm?, keyNorm: LoadedNorm?, _ cache: KeyValueCache
  ) async throws {
    let layer = cache.nextLayer()
    let angles = table(attention.rotation)
    let shared = attention.keyHeadCount
    try await workers.forEach(windows.count * shared) { [self] item, worker in
      let (window, group) = (item / shared, item % shared)
      memories[worker].withContents { memory in
        let heads = (group * attention.queriesPerKey..<(group + 1) * attention.queriesPerKey).map { number in
          AttentionHead(
            attention: attention, number: number, angles: angles, sink: sinks?[number], queryNorm: queryNorm,
            keyNorm: keyNorm, length: position + 1, position: position)
        }
        attend(heads, window: window, layer, memory: &memory)
      }
    }
  }

  private func attend(
    _ heads: [AttentionHead], window: Int, _ layer: KeyValueCache.Layer, memory: inout WorkerMemory.Contents
  ) {
    guard let first = heads.first, let cache else { return }
    let (row, start) = (window..<window + 1, window * cache.length)
    let own = start + position..<start + position + 1
    let turned = memory.matrix(.keys, rows: 1, columns: first.attention.headDimension)
    first.turnKeys(matrix(.keys).part(rows: row), into: turned)
    KernelSet.best.copy(turned.part(), to: layer.keys.part(rows: own, columns: first.sharedColumns))
    KernelSet.best.copy(
      matrix(.values).part(rows: row, columns: first.sharedColumns),
      to: layer.values.part(rows: own, columns: first.sharedColumns))
    let block = position..<position + 1
    let seen = first.seen(by: block)
    let rows = start + seen.lowerBound..<start + seen.upperBound
    let scores = memory.matrix(.scores, rows: 1, columns: cache.length).part(columns: 0..<seen.count)
    let queries = memory.matrix(.queries, rows: 1, columns: first.attention.headDimension)
    for head in heads {
      head.turnQueries(matrix(.queries).part(rows: row), into: queries)
      head.score(
        queries.part(), layer.keys.part(rows: rows, columns: head.sharedColumns), head.roundedBiases(), seen,
        into: scores, memory: memory.product)
      head.share(scores, block, seen)
      KernelSet.best.multiply(
        scores, layer.values.part(rows: rows, columns: head.sharedColumns),
        into: matrix(.mixed).part(rows: row, columns: head.ownColumns), memory: memory.product)
    }
  }
}
