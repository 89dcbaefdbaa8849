@_spi(Benchmarks) import Quantization
import Architectures
import Bytes
import Inference
import Tensors
import TestSupport
import Testing

@Suite struct LoadedModelTests {
  /// The variants of the family, each once.
  static let variants: [TinyModel] = [
    TinyModel("one key-value head a head"),
    TinyModel("grouped-query attention") { $0.keyValueHeadCount = 2 },
    TinyModel("one key-value head for all") { $0.keyValueHeadCount = 1 },
    TinyModel("tied embeddings") { $0.tiesEmbeddings = true },
    TinyModel("attention biases") { $0.hasAttentionBias = true },
    TinyModel("all biases") {
      $0.hasAttentionBias = true; $0.hasFeedForwardBias = true
    },
    TinyModel("sliding window") { $0.slidingWindow = 5 },
    TinyModel("window of one") { $0.slidingWindow = 1 },
    TinyModel("heads wider than the stream") { $0.headDimension = 10 },
    TinyModel("linear scaling") { $0.rope.scaling = .linear(factor: 4) },
    TinyModel("a divisor a pair") { $0.rope.scaling = .divisors([1, 2.5, 8]) },
    TinyModel("Llama 3 scaling") {
      $0.headDimension = 16
      $0.rope = RotaryEmbedding(
        theta: 500_000,
        scaling: .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 64))
    },
    TinyModel("more than one panel") {
      $0.hiddenSize = 32; $0.headDimension = 40; $0.intermediateSize = 300; $0.vocabularySize = 261
    },
  ]

  @Test(arguments: variants) func agreesWithTheFormulas(_ tiny: TinyModel) async throws {
    let windows = tiny.windows(3, of: 13)
    let model = try tiny.model()
    let reference = ReferenceLlama(configuration: tiny.configuration, tensors: tiny.tensors)
    let expected = windows.map(reference.logits)
    var seen = 0
    var worst = 0.0
    try await model.forEachLogits(of: windows, at: 2..<13, workers: Workers(count: 2)) { window, position, logits in
      #expect(window == seen / 11 && position == 2 + seen % 11)
      #expect(logits.count == tiny.configuration.vocabularySize)
      for index in logits.indices {
        worst = max(worst, abs(Double(logits[index]) - expected[window][position][index]))
      }
      seen += 1
    }
    #expect(seen == 33)
    #expect(worst < 2e-5, "largest difference \(worst)")
  }

  /// Blocks of queries and of tokens have edges; a long window crosses them.
  @Test(arguments: [nil, 70] as [Int?]) func agreesWithTheFormulasOverBlocks(_ slidingWindow: Int?) async throws {
    let tiny = TinyModel("long") {
      $0.layerCount = 1; $0.slidingWindow = slidingWindow; $0.keyValueHeadCount = 2
    }
    let windows = tiny.windows(2, of: 300)
    let reference = ReferenceLlama(configuration: tiny.configuration, tensors: tiny.tensors)
    let expected = windows.map(reference.logits)
    var worst = 0.0
    try await tiny.model().forEachLogits(of: windows, at: 0..<300, workers: Workers(count: 3), pieceByteCount: 20_000) {
      window, position, logits in
      for index in logits.indices {
        worst = max(worst, abs(Double(logits[index]) - expected[window][position][index]))
      }
    }
    #expect(worst < 2e-5, "largest difference \(worst)")
  }

  @Test func workersDoNotChangeABit() async throws {
    let tiny = TinyModel("wide") {
      $0.hiddenSize = 64; $0.headDimension = 32; $0.keyValueHeadCount = 2; $0.intermediateSize = 400
      $0.vocabularySize = 700
    }
    let windows = tiny.windows(3, of: 400)
    let model = try tiny.model()
    var first: [UInt32] = []
    for count in [1, 2, 3, 8] {
      var bits: [UInt32] = []
      try await model.forEachLogits(
        of: windows, at: 390..<400, workers: Workers(count: count)
      ) { _, _, logits in
        for index in logits.indices { bits.append(logits[index].bitPattern) }
      }
      if first.isEmpty { first = bits }
      #expect(bits == first, "\(count) workers")
    }
    #expect(first.count == 3 * 10 * 700)
  }

  @Test func piecesAgree() async throws {
    let tiny = TinyModel("pieces")
    let windows = tiny.windows(2, of: 40)
    let model = try tiny.model()
    var whole: [UInt32] = []
    for bytes in [1 << 20, 4 * 50 * 20] {
      var bits: [UInt32] = []
      try await model.forEachLogits(
        of: windows, at: 0..<40, workers: Workers(count: 2), pieceByteCount: bytes
      ) { _, _, logits in
        for index in logits.indices { bits.append(logits[index].bitPattern) }
      }
      if whole.isEmpty { whole = bits }
      #expect(bits.count == whole.count)
      // Matrix multiplication may round by a unit differently in a shorter piece, no more.
      for (one, other) in zip(whole, bits) {
        #expect(abs(Float(bitPattern: one) - Float(bitPattern: other)) < 1e-5)
      }
    }
  }

  @Test func aMissingTensorIsNamed() {
    let tiny = TinyModel("missing")
    let error = #expect(throws: FileError.self) {
      try LoadedModel(configuration: tiny.configuration, name: "here") { name throws(FileError) in
        name.contains("layers.1.mlp.up_proj") ? nil : tiny.tensors[name]
      }
    }
    #expect(error?.code == .missing)
    #expect(error?.subject == "model.layers.1.mlp.up_proj.weight")
    #expect(error?.path == "here")
  }

  @Test func aMissingHeadIsAnErrorUnlessTied() {
    let tiny = TinyModel("untied")
    let error = #expect(throws: FileError.self) {
      try LoadedModel(configuration: tiny.configuration) { name throws(FileError) in
        name == "lm_head.weight" ? nil : tiny.tensors[name]
      }
    }
    #expect(error?.subject == "lm_head.weight")
  }

  @Test func shapesAreCheckedUpFront() {
    let tiny = TinyModel("shapes")
    for (name, tensor) in tiny.tensors {
      let error = #expect(throws: FileError.self) {
        try LoadedModel(configuration: tiny.configuration) { wanted throws(FileError) in
          wanted == name ? ArraySource(shape: tensor.shape + [1], array: tensor.array) : tiny.tensors[wanted]
        }
      }
      #expect(error?.code == .mismatch && error?.subject == name)
      #expect(error?.message.contains("\(tensor.shape)") == true)
    }
  }

  @Test(
    arguments: [
      { $0.keyValueHeadCount = 3 }, { $0.keyValueHeadCount = 0 }, { $0.headDimension = 7 }, { $0.hiddenSize = -1 },
      { $0.vocabularySize = Int.max }, { $0.slidingWindow = 0 },
      { $0.rope.scaling = .divisors([1, 2]) }, { $0.rope.scaling = .divisors([1, 2, 0]) },
      {
        $0.rope.scaling = .longRope(
          LongRopeScaling(shortDivisors: [1, 2, 3], longDivisors: [1, 2], originalContextLength: 9))
      },
      { $0.rope.attentionFactor = .infinity },
      { $0.rope.scaling = .notUnderstood(FileError(.unsupported, path: "config.json", "is of no kind")) },
      {
        $0.headCount = 1 << 20; $0.headDimension = 1 << 20
      },
    ] as [@Sendable (inout LlamaConfiguration) -> Void])
  func senselessSizesAreRefused(_ change: @Sendable (inout LlamaConfiguration) -> Void) {
    let tiny = TinyModel("sizes")
    var configuration = tiny.configuration
    change(&configuration)
    #expect(throws: FileError.self) {
      try LoadedModel(configuration: configuration) { name throws(FileError) in tiny.tensors[name] }
    }
  }

  @Test func aTokenOutsideTheVocabularyIsAnError() async throws {
    let model = try TinyModel("tokens").model()
    await #expect(throws: FileError.self) {
      try await model.hiddenStates(of: [[1, 50]], at: 0..<2, workers: Workers(count: 1))
    }
    await #expect(throws: FileError.self) {
      try await model.hiddenStates(of: [[1, -1]], at: 0..<2, workers: Workers(count: 1))
    }
  }

  /// A file that ends early while the model runs.
  @Test func aFailingReadEndsTheRun() async throws {
    struct Failing: RowSource {
      let shape: [Int]
      func read(
        elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
      ) throws(FileError) {
        throw FileError(.truncated, path: "weights", "the file became shorter")
      }
    }
    let tiny = TinyModel("failing")
    let model = try LoadedModel(configuration: tiny.configuration) { name throws(FileError) -> (any RowSource)? in
      guard let tensor = tiny.tensors[name] else { return nil }
      return name == "model.layers.1.mlp.down_proj.weight" ? Failing(shape: tensor.shape) : tensor
    }
    for count in [1, 4] {
      await #expect(throws: FileError.self) {
        try await model.hiddenStates(of: tiny.windows(2, of: 9), at: 0..<9, workers: Workers(count: count))
      }
    }
  }
}
