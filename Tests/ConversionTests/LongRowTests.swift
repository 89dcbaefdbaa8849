import Architectures
import Bytes
import Conversion
import JSON
import Quantization
import Tensors
import TestSupport
import Testing

/// Rows, vectors and heads that are longer than what is computed at a time: they are cut, and nobody can tell.
@Suite struct LongRowTests {
  // MARK: - Parts

  private static let cases = [
    "biases", "factor-biases", "two-doras", "plain-then-dora", "dora-embedding", "olora", "tied-olora-head",
    "untied-tokens", "untied-grown-lora",
  ]

  /// Of every tensor of a plan: stored, in another order, with adapters of every kind added.
  private static func plans(_ bench: Workbench) throws -> [Plan] {
    let tiny = TinyCheckpoint { ($0.heads, $0.keyValueHeads, $0.hasBiases) = (2, 1, true) }
    var models = [try Checkpoint(path: try bench.write(tiny))]
    for adapted in AdapterCase.all where cases.contains(adapted.name) {
      var model = try Checkpoint(path: adapted.base)
      for path in adapted.adapters { model = try model.adding(Adapter(path: path)) }
      models.append(model)
    }
    #expect(models.count == cases.count + 1)
    return try models.flatMap { model in
      try ["m.gguf", "folder"].map {
        try Plan(converting: model, to: Destination(path: bench.path($0)), recipe: Recipe(.keep))
      }
    }
  }

  @Test func aPartOfATensorIsThatOfTheWhole() throws {
    let bench = try Workbench()
    var random = SeededGenerator(seed: 8)
    for plan in try Self.plans(bench) {
      for tensor in plan.tensors {
        let whole = try tensor.rows.values()
        var parts: [Float] = []
        var scratch: [UInt8] = []
        while parts.count < whole.count {
          let count = min(Int.random(in: 1...3 * tensor.rows.columns, using: &random), whole.count - parts.count)
          var part = [Float](repeating: .nan, count: count)
          var span = part.mutableSpan
          try tensor.rows.read(elements: parts.count..<parts.count + count, into: &span, scratch: &scratch)
          parts += part
        }
        #expect(parts == whole, "\(tensor.name) of \(plan.destination.path)")
      }
    }
  }

  // MARK: - Slabs

  /// FSDP's flat parameter, and rows that are no whole number of blocks.
  private static let shapes = [[300_007], [2, 150_001], [3, 131_200], [1, 1, 262_144], [2, 0], []]

  private static func tensors() -> [RawTensor] {
    var random = SeededGenerator(seed: 21)
    return shapes.enumerated().map { number, shape in
      RawTensor("tensor.\(number).weight", shape: shape, values: random.normals(shape.reduce(1, *)))
    }
  }

  @Test(arguments: ["f32", "f16", "bf16"])
  func longRowsBecomeAnElementType(_ type: String) async throws {
    let bench = try Workbench()
    let tensors = Self.tensors()
    let path = try bench.folder.write(RawSafetensors.bytes(of: tensors), to: "m.safetensors")
    let target = try TargetType.quantizing(type)
    let output = try await bench.convert(path, to: "out.safetensors", Recipe(.elements(target)), workers: 3)
    let found = try Workbench.tensors(at: output)
    for tensor in tensors {
      #expect(
        found[tensor.name]?.bytes == (try Self.encoded(tensor.values, try #require(target.codec))), "\(tensor.shape)")
    }
  }

  @Test(arguments: ["nf4", "int8"], [false, true])
  func longRowsBecomeBlocks(_ type: String, _ isDoubleQuantized: Bool) async throws {
    let bench = try Workbench()
    let tensors = Self.tensors().filter { $0.shape.count == 2 && !$0.values.isEmpty }
    let path = try bench.folder.write(RawSafetensors.bytes(of: tensors), to: "m.safetensors")
    let recipe = Recipe(try .quantizing(type, doubleQuantized: isDoubleQuantized))
    let output = try await bench.convert(path, to: "out.safetensors", recipe, workers: 3)
    let codec = try #require(try TargetType.quantizing(type).codec)
    let found = try Workbench.tensors(at: output)
    for tensor in tensors {
      let planes = try Self.encoded(tensor.values, codec)
      let codes = codec.byteCount(plane: 0, elements: tensor.values.count)
      #expect(found[tensor.name]?.bytes == Array(planes[..<codes]), "\(tensor.shape)")
      if !isDoubleQuantized { #expect(found[tensor.name + ".absmax"]?.bytes == Array(planes[codes...])) }
    }
  }

  private static func encoded(_ values: [Float], _ codec: any Codec) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: codec.byteCount(elements: values.count))
    try bytes.withMutableBytes { span throws(CodecError) in try codec.encode(values.span, into: &span) }
    return bytes
  }

  /// A row of LLM.int8 has one scale, however long it is.
  @Test func longRowsOfLLMInt8AreDecoded() async throws {
    let bench = try Workbench()
    let (columns, scales) = (150_001, [3, 0.5] as [Float])
    let codes = (0..<2 * columns).map { Int8(truncatingIfNeeded: $0 &* 31) }
    let path = try bench.folder.write(
      RawSafetensors.bytes(of: [
        RawTensor("a.weight", type: "I8", shape: [2, columns], bytes: codes.map { UInt8(bitPattern: $0) }),
        RawTensor("a.SCB", shape: [2], values: scales),
      ]), to: "m.safetensors")
    let recipe = Recipe(.elements(try TargetType.quantizing("f32")))
    let output = try await bench.convert(path, to: "out.safetensors", recipe, workers: 3)
    let expected = codes.indices.map { Float(codes[$0]) * scales[$0 / columns] * (1 / 127) }
    #expect(try Workbench.tensors(at: output)["a.weight"]?.values == expected)
  }

  /// One value that is not finite is found wherever it is, and its place told.
  @Test func aValueThatIsNotFiniteIsFoundInALongRow() async throws {
    let bench = try Workbench()
    var values = [Float](repeating: 1, count: 2 * 150_016)
    values[150_016 + 140_000] = .infinity
    let path = try bench.folder.write(
      RawSafetensors.bytes(of: [RawTensor("a.weight", shape: [2, 150_016], values: values)]), to: "m.safetensors")
    let recipe = Recipe(try .quantizing("nf4"))
    let error = await #expect(throws: FileError.self) {
      try await bench.convert(path, to: "out.safetensors", recipe)
    }
    #expect(error?.message.contains("element 290016 (row 1, column 140000)") == true)
    let destination = Destination(path: bench.path("out.safetensors"))
    #expect(
      try NonFinite.outputsToKeep(of: Checkpoint(path: path), for: destination, recipe: recipe) == ["a.weight"])
  }

  // MARK: - Heads

  /// q and k with one head that has more elements than a slab: in a GGUF its halves are interleaved.
  @Test(arguments: ["bf16", "q8_0"])
  func oneHeadAsWideAsTheModel(_ type: String) async throws {
    let bench = try Workbench()
    let size = 1024
    let path = try bench.write(
      TinyCheckpoint { ($0.hidden, $0.inner, $0.layers, $0.heads, $0.keyValueHeads) = (size, 32, 1, 1, 1) })
    let rule: Recipe.Rule = type == "bf16" ? .keep : try .quantizing(type)
    let gguf = try await bench.convert(path, to: "m.gguf", Recipe(rule), workers: 3)
    let codec = try #require(try TargetType.quantizing(type).codec)
    let query = try #require(try Workbench.tensors(at: path)["model.layers.0.self_attn.q_proj.weight"]).values
    let order = RowOrder(.interleaving, headDimension: size)
    let expected = (0..<size).flatMap { row in query[order.source(of: row) * size..<(order.source(of: row) + 1) * size]
    }
    #expect(
      try Workbench.ggufTensors(at: gguf)["blk.0.attn_q.weight"]?.bytes == Self.encoded(Array(expected), codec))
    guard type == "bf16" else { return }
    let back = try await bench.convert(gguf, to: "back", workers: 3)
    #expect(try Workbench.tensors(at: back).mapValues(\.bytes) == Workbench.tensors(at: path).mapValues(\.bytes))
  }

  // MARK: - Adapters

  /// LoRA and DoRA of a matrix whose rows are longer than a slab, beside sums in double precision.
  @Test(arguments: [false, true])
  func anAdapterOfLongRows(_ isDoRA: Bool) throws {
    let bench = try Workbench()
    let (rows, columns) = (8, 140_032)
    let path = try bench.write(
      TinyCheckpoint { ($0.hidden, $0.inner, $0.layers, $0.heads, $0.keyValueHeads) = (rows, columns, 1, 1, 1) })
    let prefix = "base_model.model.model.layers.0.mlp.down_proj."
    var random = SeededGenerator(seed: 4)
    let (down, up) = (random.normals(2 * columns), random.normals(2 * rows))
    let magnitude = random.normals(rows).map(abs)
    let adapter = TinyAdapter {
      $0.tensors = [
        RawTensor(prefix + "lora_A.weight", shape: [2, columns], values: down),
        RawTensor(prefix + "lora_B.weight", shape: [rows, 2], values: up),
      ]
      guard isDoRA else { return }
      $0.config["use_dora"] = true
      $0.tensors.append(RawTensor(prefix + "lora_magnitude_vector", shape: [rows], values: magnitude))
    }
    try adapter.write(to: bench.path("adapter"))
    let name = "model.layers.0.mlp.down_proj.weight"
    let base = try #require(try Workbench.tensors(at: path)[name]).values
    let merged = try Checkpoint(path: path).adding(Adapter(path: bench.path("adapter")))
    let tensor = try #require(try merged.tensor(named: name))
    for row in [0, rows - 1] {
      let sums = (0..<columns).map { column in
        Double(base[row * columns + column])
          + 2 * (0..<2).reduce(0) { $0 + Double(up[row * 2 + $1]) * Double(down[$1 * columns + column]) }
      }
      let length = sums.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for part in [0..<7, 131_000..<131_080, columns - 9..<columns] {
        var values = [Float](repeating: 0, count: part.count)
        var span = values.mutableSpan
        var scratch: [UInt8] = []
        try tensor.read(
          elements: row * columns + part.lowerBound..<row * columns + part.upperBound, into: &span, scratch: &scratch)
        for (value, sum) in zip(values, sums[part]) {
          let expected = isDoRA ? sum * Double(magnitude[row]) / length : sum
          #expect(abs(Double(value) - expected) <= 1e-6 * (1 + abs(expected)))
        }
      }
    }
  }
}
