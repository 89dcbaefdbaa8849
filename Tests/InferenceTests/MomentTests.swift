import Architectures
import Bytes
import Conversion
@_spi(Benchmarks) @testable import Inference
@_spi(Benchmarks) @testable import Quantization
import Synchronization
import TestSupport
import Testing

/// Second moments of linear layers, against those that single tokens add up to.
@Suite struct MomentTests {
  private static func batches(_ tiny: TinyModel, _ count: Int = 4) -> [MomentSweep.Batch] {
    (0..<count).map { .init(windows: tiny.windows(2, of: 9, seed: UInt64($0)), isHeldBack: $0 % 4 == 3) }
  }

  private static func collected(
    _ tiny: TinyModel, _ batches: [MomentSweep.Batch], isFisher: Bool, workers: Int = 2
  ) async throws -> [LayerMoments] {
    let folder = try TemporaryFolder()
    let sweep = MomentSweep(
      model: try tiny.model(), batches: batches, isFisher: isFisher, workers: Workers(count: workers))
    var layers: [LayerMoments] = []
    try await sweep.run(scratchIn: folder.path) { layers.append($0.moments) }
    return layers.sorted { $0.key < $1.key }
  }

  /// Everything that a model is given and gives gradients of, token after token.
  private final class Witness: GradientObserver {
    struct Layer { var inputs: [[Double]] = [], gradients: [[Double]] = [] }
    let layers = Mutex<[String: Layer]>([:])

    func observe(_ inputs: MatrixPart, gradient: MatrixPart, of layer: Inference.LinearLayer, workers: Workers)
      async throws
    {
      let own = (0..<inputs.rows.count).map { row in
        (inputs.values(ofRow: row).map(Double.init), gradient.values(ofRow: row).map(Double.init))
      }
      layers.withLock {
        $0[layer.key, default: Layer()].inputs += own.map(\.0)
        $0[layer.key, default: Layer()].gradients += own.map(\.1)
      }
    }
  }

  @Test func areThoseOfSingleTokens() async throws {
    let tiny = TinyModel("moments") {
      $0.keyValueHeadCount = 2; $0.hasAttentionBias = true
    }
    let batches = Self.batches(tiny)
    let witness = Witness()
    let model = try tiny.model()
    let generator = CounterGenerator(seed: 0)
    for (number, batch) in batches.enumerated() where !batch.isHeldBack {
      _ = try await model.reverse(
        batch.windows, label: { .drawn(generator.uniform(stream: UInt64(number), number: UInt64($0))) },
        observer: witness, workers: Workers(count: 2))
    }
    let found = try await Self.collected(tiny, batches, isFisher: true)
    #expect(found.map(\.key) == model.linears.map(\.key).sorted())
    for layer in found {
      let seen = try #require(witness.layers.withLock { $0[layer.key] })
      #expect(layer.tokens == 54 && seen.inputs.count == 54)
      let weights = seen.gradients.map { row in row.reduce(0) { $0 + $1 * $1 } / Double(row.count) }
      let total = weights.reduce(0, +)
      let scale = Double(layer.inputs.diagonal.max() ?? 1)
      for row in 0..<layer.inputs.order {
        for column in 0...row {
          let sum = zip(seen.inputs, weights).reduce(0) { $0 + $1.0[row] * $1.0[column] * $1.1 } / total
          #expect((Double(layer.inputs[row, column]) - sum).magnitude < 1e-4 * scale)
        }
      }
      for (column, square) in layer.squares.enumerated() {
        let sum = seen.inputs.reduce(0) { $0 + $1[column] * $1[column] } / 54
        #expect((Double(square) - sum).magnitude <= 1e-5 * sum)
      }
      #expect(layer.sample?.tokens == 18 && layer.sample?.inputs.count == 18 * layer.inputs.order)
      guard layer.key != model.head.key else {
        #expect(layer.gradients == nil)
        continue
      }
      let gradients = try #require(layer.gradients)
      let largest = Double(gradients.diagonal.max() ?? 1)
      for row in 0..<gradients.order {
        for column in 0...row {
          let sum = seen.gradients.reduce(0) { $0 + $1[row] * $1[column] } / 54
          #expect((Double(gradients[row, column]) - sum).magnitude < 1e-4 * largest)
        }
      }
    }
  }

  /// What is known before the way back is what is known after it, of every layer that the way back reaches.
  @Test(arguments: FamilyTests.names) func squaresComeFirst(_ name: String) async throws {
    let model = try LoadedModel(running: try Checkpoint(path: "\(FamilyTests.folder)/\(name)"))
    let window = try FamilyTests.expected(name).tokens
    let witness = Witness()
    _ = try await model.reverse(
      [window], label: { _ in .token(0) }, observer: witness, workers: Workers(count: 2))
    let seen = witness.layers.withLock { $0 }

    let folder = try TemporaryFolder()
    let sweep = MomentSweep(
      model: model, batches: [.init(windows: [window], isHeldBack: false)], isFisher: true, workers: Workers(count: 2))
    let start = try await sweep.start(scratchIn: folder.path)
    let first = Dictionary(uniqueKeysWithValues: start.squares.map { ($0.key, $0) })
    var finished: Set<String> = []
    try await sweep.complete(start) { layer in
      finished.insert(layer.key)
      let squares = try #require(first[layer.key])
      #expect(squares.tokens == layer.tokens && squares.sums == layer.squares, "\(layer.key)")
      let sums = try #require(seen[layer.key]).inputs.reduce(
        into: [Double](repeating: 0, count: layer.squares.values.count)
      ) {
        for (column, value) in $1.enumerated() { $0[column] += value * value }
      }
      for (column, sum) in sums.enumerated() {
        #expect((squares.sums.value(column) - sum).magnitude <= 1e-4 * (sums.max() ?? 0), "\(layer.key)")
      }
    }
    // What comes before the first layer is shown to nobody.
    let before = Set(model.linears.lazy.filter { $0.layer == nil && $0.key != model.head.key }.map(\.key))
    #expect(finished.symmetricDifference(seen.keys).isSubset(of: before))
  }

  @Test func withoutGradientsTokensCountAlike() async throws {
    let tiny = TinyModel("plain moments")
    let found = try await Self.collected(tiny, Self.batches(tiny), isFisher: false)
    #expect(found.count == 15)
    for layer in found {
      #expect(layer.gradients == nil && layer.tokens == 54)
      for (own, square) in zip(layer.inputs.diagonal, layer.squares) {
        #expect((own - square).magnitude <= 1e-5 * square)
      }
    }
  }

  @Test(arguments: [false, true]) func dependOnNothingElse(_ isFisher: Bool) async throws {
    let tiny = TinyModel("wide moments") {
      $0.hiddenSize = 300; $0.intermediateSize = 270
    }
    let batches = Self.batches(tiny)
    let first = try await Self.collected(tiny, batches, isFisher: isFisher, workers: 1)
    let same = try await Self.collected(tiny, batches, isFisher: isFisher, workers: 3)
    for (one, other) in zip(first, same) {
      #expect(one.inputs == other.inputs && one.gradients == other.gradients, "\(one.key)")
    }
  }

  /// The order in which things are added up changes no bit.
  @Test func sumsHaveNoOrder() async throws {
    var generator = SeededGenerator(seed: 5)
    let parts = (0..<5).map { _ in
      let matrix = Matrix(rows: 7, columns: 300)
      matrix.withMutableRows(0..<7) {
        for index in $0.indices { $0[index] = Float.random(in: -9...9, using: &generator) }
      }
      return matrix
    }
    func sums(_ order: [Int]) async throws -> ExactSums {
      let sums = MomentSums(order: 300, scale: 0x1p30)
      for number in order {
        #expect(
          try await sums.add(
            parts[number].part(), workers: Workers(count: 2), memories: [WorkerMemory(), WorkerMemory()]))
      }
      return sums.sums
    }
    let ascending = try await sums([0, 1, 2, 3, 4])
    #expect(try await sums([4, 2, 0, 3, 1]) == ascending)
    #expect(ascending.values.contains { $0 != 0 })
  }

  @Test(arguments: [Float.nan, .infinity, 1e30]) func whatIsNoNumberIsNotAdded(_ value: Float) async throws {
    let matrix = Matrix(rows: 1, columns: 3, values: [1, value, 2])
    let sums = MomentSums(order: 3, scale: 0x1p30)
    #expect(try await !sums.add(matrix.part(), workers: Workers(count: 1), memories: [WorkerMemory()]))
  }
}
