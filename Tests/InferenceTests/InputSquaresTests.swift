@_spi(Benchmarks) import Quantization
import Architectures
import Bytes
import TestSupport
import Testing

@_spi(Benchmarks) @testable import Inference

/// What the linear layers of a model are given, against a forward pass from the formulas.
@Suite struct InputSquaresTests {
  @Test(arguments: LoadedModelTests.variants) func agreeWithTheFormulas(_ tiny: TinyModel) async throws {
    let windows = tiny.windows(3, of: 13)
    var expected: [String: [Double]] = [:]
    var reference = ReferenceLlama(configuration: tiny.configuration, tensors: tiny.tensors)
    reference.watch = { layer, input in
      let sums = expected[layer] ?? Array(repeating: 0, count: input.count)
      expected[layer] = zip(sums, input).map { $0 + $1 * $1 }
    }
    for window in windows { _ = reference.logits(window) }

    let squares = InputSquares()
    try await tiny.model().addInputSquares(
      of: windows, to: squares, includingHead: true, workers: Workers(count: 2))
    #expect(squares.layers.map(\.name) == expected.keys.map { $0 + ".weight" }.sorted())
    for layer in squares.layers {
      let sums = try #require(expected[String(layer.name.dropLast(".weight".count))])
      #expect(layer.tokens == 39)
      #expect(layer.sums.count == sums.count)
      for (sum, other) in zip(layer.sums.map(\.value), sums) {
        #expect(abs(sum - other) <= 1e-5 * other + 1e-9, "\(layer.name): \(sum), not \(other)")
      }
    }
  }

  @Test func theHeadIsLeftOutUnlessAskedFor() async throws {
    for isTied in [false, true] {
      let tiny = TinyModel("head") { $0.tiesEmbeddings = isTied }
      let model = try tiny.model()
      #expect(model.hasOwnHead == !isTied)
      var names: [[String]] = []
      for includingHead in [false, true] {
        let squares = InputSquares()
        try await model.addInputSquares(
          of: tiny.windows(1, of: 5), to: squares, includingHead: includingHead, workers: Workers(count: 1))
        names.append(squares.layers.map(\.name))
      }
      #expect(names[0].count == 14)
      #expect(names[1] == (names[0] + [isTied ? "model.embed_tokens.weight" : "lm_head.weight"]).sorted())
    }
  }

  @Test func workersDoNotChangeABit() async throws {
    let tiny = TinyModel("wide") {
      $0.hiddenSize = 64; $0.headDimension = 32; $0.keyValueHeadCount = 2; $0.intermediateSize = 700
    }
    let windows = tiny.windows(3, of: 400)
    let model = try tiny.model()
    var first: [InputSquares.Layer] = []
    for count in [1, 2, 3, 8] {
      let squares = InputSquares()
      try await model.addInputSquares(of: windows, to: squares, workers: Workers(count: count))
      if first.isEmpty { first = squares.layers }
      #expect(squares.layers == first, "\(count) workers")
    }
    #expect(first.count == 14)
  }

  @Test func batchesAddUp() async throws {
    let tiny = TinyModel("batches")
    let windows = tiny.windows(4, of: 40)
    let model = try tiny.model()
    let (whole, parts) = (InputSquares(), InputSquares())
    try await model.addInputSquares(of: windows, to: whole, workers: Workers(count: 2))
    for window in windows { try await model.addInputSquares(of: [window], to: parts, workers: Workers(count: 2)) }
    #expect(whole.layers == parts.layers && whole.layers.count == 14)
    #expect(whole.layers.allSatisfy { $0.tokens == 160 })
  }

  /// Sums of one panel begin where those of the batch before ended.
  @Test func sumsGoOnOverBatches() async throws {
    var generator = SeededGenerator(seed: 3)
    let squares = InputSquares()
    let columns = 2 * Panel.largestRows + 7
    var expected = [Int128](repeating: 0, count: columns)
    for rows in [5, 1, 30] {
      let inputs = Matrix(rows: rows, columns: columns)
      inputs.withMutableRows(0..<rows) { values in
        for index in values.indices {
          values[index] = Float.random(in: -9...9, using: &generator)
          expected[index % columns] += ExactSquaresTests.units(values[index])
        }
      }
      try await squares.observe(inputs.part(), of: ["b", "a"], workers: Workers(count: 3))
    }
    #expect(squares.layers.map(\.name) == ["a", "b"])
    #expect(squares.layers.allSatisfy { $0.sums.map(\.units) == expected && $0.tokens == 36 })
  }

  @Test(arguments: [Float.nan, .infinity, 1e30]) func damagedWeightsAreNamed(_ value: Float) async throws {
    let tiny = TinyModel("damaged")
    let name = "model.layers.1.mlp.up_proj.weight"
    let model = try LoadedModel(configuration: tiny.configuration, name: "here") { wanted throws(FileError) in
      guard wanted == name, let tensor = tiny.tensors[name] else { return tiny.tensors[wanted] }
      return ArraySource(shape: tensor.shape, array: [value] + tensor.array.dropFirst())
    }
    let error = await #expect(throws: FileError.self) {
      try await model.addInputSquares(
        of: tiny.windows(1, of: 9), to: InputSquares(), workers: Workers(count: 2))
    }
    #expect(error?.path == "here" && error?.subject == "model.layers.1.mlp.down_proj.weight")
  }
}
