import Architectures
import Bytes
import Foundation
import JSON
import Quantization
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// From one spelling of quantized weights into another: what a plan calls exact has every value that it had, to the bit.
@Suite struct LayoutRepackingTests {
  /// One folder of each kind.
  static let folders = [
    "auto-round-4bit", "awq-gemm-group32", "awq-gemv-group32", "bitsandbytes-int8", "bitsandbytes-nf4",
    "compressed-tensors-float8-block", "compressed-tensors-float8-channel", "compressed-tensors-float8-tensor",
    "compressed-tensors-int3-dense", "compressed-tensors-int4-channel", "compressed-tensors-int4-group32",
    "compressed-tensors-int4-group32-zeros", "compressed-tensors-int8-quantized-channel", "compressed-tensors-mixed",
    "compressed-tensors-mxfp4", "compressed-tensors-mxfp8", "compressed-tensors-nvfp4", "fp8-block",
    "fp8-block-partial",
    "fp8-row", "fp8-tensor", "gptq-2bit", "gptq-3bit", "gptq-4bit-group128", "gptq-4bit-group32", "gptq-4bit-ordered",
    "gptq-4bit-zeros-v2", "gptq-8bit", "mlx-affine-4bit-group32", "mlx-affine-8bit", "mlx-mixed-3-6", "mlx-mxfp4",
    "mlx-mxfp8", "mlx-nvfp4", "modelopt-fp8", "modelopt-nvfp4",
  ]
  static let layouts = ["awq", "bitsandbytes", "compressed-tensors", "fp8", "gptq", "mlx", "modelopt"]

  @Test(arguments: folders, layouts) func whatIsExactKeepsEveryValue(folder: String, layout: String) async throws {
    let bench = try Workbench()
    let source = try Checkpoint(path: LayoutFixtureTests.path(folder))
    let destination = Destination(path: bench.path("out"))
    let plan = try Plan(converting: source, to: destination, recipe: Recipe(.layout(layout)))
    try await plan.pour(workers: 2)
    let written = try Checkpoint(path: destination.path)
    try written.checkTensors()
    for tensor in plan.tensors {
      let before = try #require(source.weights.first { $0.name == tensor.name })
      let after = try #require(written.weights.first { $0.name == tensor.name })
      #expect(after.shape == before.shape)
      if tensor.cost.isExact { #expect(try after.values() == before.values(), "\(tensor.name): \(tensor.cost)") }
      if before.isQuantized, !tensor.cost.isExact { #expect(tensor.cost.kind == "encoded_again", "\(tensor.name)") }
    }
  }

  /// Spellings that hold the same numbers, and the type that they become.
  static let exact: [(folder: String, layout: String, type: String)] = [
    ("gptq-4bit-group32", "mlx", "int4"), ("gptq-4bit-group32", "awq", "int4"),
    ("gptq-4bit-group32", "compressed-tensors", "int4"), ("gptq-4bit-zeros-v2", "awq", "int4"),
    ("gptq-4bit-zeros-v2", "compressed-tensors", "int4"), ("gptq-3bit", "awq", "int4"), ("gptq-3bit", "mlx", "int3"),
    ("gptq-8bit", "mlx", "int8"), ("gptq-8bit", "compressed-tensors", "int8"), ("gptq-2bit", "gptq", "int2"),
    ("gptq-4bit-ordered", "compressed-tensors", "int4"), ("gptq-4bit-ordered-zeros-v2", "compressed-tensors", "int4"),
    ("awq-gemm-group32", "gptq", "int4"), ("awq-gemm-group32", "compressed-tensors", "int4"),
    ("awq-gemv-group32", "gptq", "int4"), ("auto-round-4bit", "awq", "int4"),
    ("compressed-tensors-int4-group32", "mlx", "int4"), ("compressed-tensors-mxfp4", "mlx", "mxfp4"),
    ("compressed-tensors-mxfp8", "mlx", "mxfp8"), ("mlx-mxfp4", "compressed-tensors", "mxfp4"),
    ("mlx-mxfp8", "compressed-tensors", "mxfp8"), ("mlx-nvfp4", "compressed-tensors", "nvfp4"),
    ("mlx-nvfp4", "modelopt", "nvfp4"), ("fp8-row", "compressed-tensors", "fp8"),
    ("fp8-block", "compressed-tensors", "fp8"), ("compressed-tensors-float8-channel", "fp8", "fp8"),
    ("modelopt-fp8", "fp8", "fp8"), ("torchao-int8", "gptq", "int8"),
  ]

  @Test(arguments: exact) func isExact(folder: String, layout: String, type: String) throws {
    let bench = try Workbench()
    let source = try Checkpoint(path: LayoutFixtureTests.path(folder))
    let plan = try Plan(
      converting: source, to: Destination(path: bench.path("out")), recipe: Recipe(.layout(layout)))
    for tensor in plan.tensors where tensor.isSourceQuantized && tensor.name.contains("layers") {
      #expect(tensor.cost.isExact, "\(tensor.name): \(tensor.cost)")
      if folder != "gptq-2bit" { #expect(tensor.targetType == type, "\(tensor.name)") }
    }
  }

  /// Zero points that are all the middle of the codes are not stored where a layout can say so.
  @Test(arguments: [
    ("gptq-4bit-group32", "compressed-tensors", true), ("gptq-4bit-zeros-v2", "compressed-tensors", false),
    ("awq-gptqmodel-symmetric", "gptq", true), ("awq-gemm-group32", "gptq", false),
  ]) func middleZerosAreNone(folder: String, layout: String, isSymmetric: Bool) throws {
    let bench = try Workbench()
    let source = try Checkpoint(path: LayoutFixtureTests.path(folder))
    let plan = try Plan(
      converting: source, to: Destination(path: bench.path("out")), recipe: Recipe(.layout(layout)))
    let spelled = plan.tensors.compactMap(\.spelling?.type?.groups)
    #expect(!spelled.isEmpty && spelled.allSatisfy { $0.isSymmetric == isSymmetric })
    #expect(plan.tensors.allSatisfy { !$0.isSourceQuantized || $0.cost.isExact })
  }

  // MARK: - GGUF

  static let blocks = ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "mxfp4", "nvfp4"]

  /// The layouts that hold the blocks of a type.
  static let holders: [(type: String, layouts: [String])] = [
    ("q4_0", ["mlx", "gptq", "awq", "compressed-tensors"]), ("q4_1", ["mlx"]),
    ("q5_0", ["mlx", "gptq", "compressed-tensors"]), ("q5_1", ["mlx"]),
    ("q8_0", ["mlx", "gptq", "compressed-tensors"]), ("mxfp4", ["mlx", "compressed-tensors"]),
    ("nvfp4", ["mlx", "compressed-tensors", "modelopt"]),
  ]

  @Test(arguments: holders.flatMap { row in row.layouts.map { (row.type, $0) } })
  func blocksComeBack(type: String, layout: String) async throws {
    let bench = try Workbench()
    let blocks = try TargetType.quantizing(type)
    let first = try await bench.convert(
      LayoutFixtureTests.path("source"), to: "first.gguf", Recipe(.everyMatrix(blocks)))
    let plan = try Plan(
      converting: try Checkpoint(path: first), to: Destination(path: bench.path("folder")),
      recipe: Recipe(.layout(layout)))
    let linear = plan.tensors.filter { $0.shape.count == 2 && $0.name.contains("layers") }
    #expect(linear.count == 7)
    for tensor in linear { #expect(tensor.cost == .repacked, "\(tensor.name): \(tensor.cost)") }
    try await plan.pour(workers: 2)
    let second = try await bench.convert(plan.destination.path, to: "second.gguf")
    let (before, after) = (try Workbench.ggufTensors(at: first), try Workbench.ggufTensors(at: second))
    let (one, other) = (try Checkpoint(path: first), try Checkpoint(path: second))
    for (name, tensor) in before where name.contains("blk") && !name.contains("norm") {
      let weight = try #require(one.weights.first { $0.name == name })
      let again = try #require(other.weights.first { $0.name == name })
      #expect(try weight.values() == again.values(), "\(name)")
      // Five bits have become eight.
      if type != "q5_0" || layout == "mlx" { #expect(after[name]?.bytes == tensor.bytes, "\(name)") }
    }
  }

  /// Folders whose groups are those of a ggml type.
  @Test(arguments: [
    ("gptq-4bit-group32", "q4_0"), ("gptq-4bit-group128", "q4_0"), ("gptq-3bit", "q4_0"),
    ("gptq-4bit-zeros-v2", "q5_0"),
    ("awq-gemm-group32", "q5_0"), ("gptq-8bit", "q8_0"), ("mlx-mxfp4", "mxfp4"), ("compressed-tensors-mxfp4", "mxfp4"),
    ("mlx-nvfp4", "nvfp4"),
  ])
  func becomesBlocks(folder: String, type: String) async throws {
    let bench = try Workbench()
    let source = try Checkpoint(path: LayoutFixtureTests.path(folder))
    let plan = try Plan(
      converting: source, to: Destination(path: bench.path("out.gguf")), recipe: Recipe(.keep))
    let linear = plan.tensors.filter { $0.shape.count == 2 && $0.name.contains("blk") }
    #expect(linear.count == 7)
    for tensor in linear { #expect(tensor.cost == .repacked && tensor.targetType == type, "\(tensor.name)") }
    try await plan.pour(workers: 2)
    // Names and places are those of the folder again, and so are the values.
    let back = try Checkpoint(path: plan.destination.path)
    for weight in source.weights.filter(\.isQuantized) where weight.name.contains("layers") {
      let again = try DerivedTensor(
        try #require(back.tensors.first { $0.name == weight.name }).derivation, inputs: back.inputs)
      #expect(try again.values() == weight.values(), "\(weight.name)")
    }
  }

  // MARK: - What is refused

  @Test func onlyWhatIsExactWasAskedFor() throws {
    let bench = try Workbench()
    var recipe = Recipe(.layout("fp8"))
    recipe.isExactOnly = true
    let source = try Checkpoint(path: LayoutFixtureTests.path("gptq-4bit-group32"))
    let error = #expect(throws: FileError.self) {
      try Plan(converting: source, to: Destination(path: bench.path("out")), recipe: recipe)
    }
    #expect(error?.message.contains("encoded again (from 4 bits: adds error)") == true)
    recipe.isExactOnly = true
    recipe.rule = .layout("mlx")
    #expect(throws: Never.self) {
      try Plan(converting: source, to: Destination(path: bench.path("out")), recipe: recipe)
    }
  }

  @Test func nothingFits() throws {
    let bench = try Workbench()
    let type = try GroupRequest(layout: "gptq", extent: GroupExtent(columns: 1024)).type(named: "int4")
    let source = try Checkpoint(path: LayoutFixtureTests.path("source"))
    let error = #expect(throws: FileError.self) {
      try Plan(converting: source, to: Destination(path: bench.path("out")), recipe: Recipe(.linearLayers(type)))
    }
    #expect(error?.message.contains("no weight becomes int4 of gptq") == true, "\(error?.message ?? "")")
  }

  @Test func aLayoutIsForFolders() throws {
    let bench = try Workbench()
    let type = try GroupRequest(layout: "mlx").type(named: "int4")
    let source = try Checkpoint(path: LayoutFixtureTests.path("source"))
    let error = #expect(throws: FileError.self) {
      try Plan(
        converting: source, to: Destination(path: bench.path("out.gguf")), recipe: Recipe(.linearLayers(type)))
    }
    #expect(error?.message.contains("in a GGUF") == true)
  }

  @Test func nothingIsQuantizedThatWasNot() throws {
    let bench = try Workbench()
    let source = try Checkpoint(path: LayoutFixtureTests.path("source"))
    let error = #expect(throws: FileError.self) {
      try Plan(converting: source, to: Destination(path: bench.path("out")), recipe: Recipe(.layout("mlx")))
    }
    #expect(error?.message.contains("no quantized weight") == true)
  }
}

/// What attackers and users of layouts found.
@Suite struct LayoutFindingsTests {

  /// A folder of MLX or compressed-tensors with its scales in F32.
  private static func widened(_ folder: String, _ ending: [String], _ bench: Workbench) throws -> String {
    let path = LayoutFixtureTests.path(folder)
    let tensors = try Workbench.tensors(at: path).values.sorted { $0.name < $1.name }.map { tensor in
      guard ending.contains(where: { tensor.name.hasSuffix($0) }) else { return tensor }
      // No scale of these is short: their last bits are set.
      let bytes = tensor.values.flatMap { value in
        withUnsafeBytes(of: Float(bitPattern: value.bitPattern | 0x1).bitPattern.littleEndian, Array.init)
      }
      return RawTensor(tensor.name, type: "F32", shape: tensor.shape, bytes: bytes)
    }
    let output = bench.path("wide-" + folder)
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    try Data(RawSafetensors.bytes(of: tensors)).write(to: URL(fileURLWithPath: output + "/model.safetensors"))
    try FileManager.default.copyItem(atPath: path + "/config.json", toPath: output + "/config.json")
    return output
  }

  /// A scale of 24 bits times a code is rounded, so that it matters whether the zero is taken away before or after.
  @Test func longScalesAreNotExact() async throws {
    let bench = try Workbench()
    let source = try Checkpoint(
      path: try Self.widened("compressed-tensors-int4-group32", [".weight_scale"], bench))
    let plan = try Plan(
      converting: source, to: Destination(path: bench.path("out")), recipe: Recipe(.layout("mlx")))
    for tensor in plan.tensors where tensor.isSourceQuantized { #expect(!tensor.cost.isExact, "\(tensor.name)") }
  }

  /// No second layout stays in a folder beside the one that is asked for.
  @Test(arguments: ["gptq", "compressed-tensors", "awq"]) func nothingStaysInAnotherLayout(layout: String) async throws
  {
    let bench = try Workbench()
    let request = GroupRequest(layout: layout, extent: GroupExtent(columns: 32))
    let output = try await bench.convert(
      LayoutFixtureTests.path("mlx-affine-4bit"), to: "out", Recipe(.linearLayers(try request.type(named: "int4"))))
    let written = try Checkpoint(path: output)
    try written.checkTensors()
    #expect(written.weights.filter(\.isQuantized).count == 7)
  }

  @Test func theExpertsOfGPTOSSDoNotStayBesideAnotherLayout() async throws {
    let bench = try Workbench()
    let type = try GroupRequest(layout: "mlx", extent: GroupExtent(columns: 32)).type(named: "int4")
    let output = try await bench.convert(
      LayoutFixtureTests.path("mxfp4-gpt-oss"), to: "out", Recipe(.linearLayers(type)))
    let names = try Workbench.tensors(at: output).keys
    #expect(!names.contains { $0.hasSuffix("_blocks") })
    try Checkpoint(path: output).checkTensors()
  }

  @Test(arguments: ["gptq", "awq", "compressed-tensors", "modelopt"]) func embeddingsStay(layout: String) throws {
    let bench = try Workbench()
    let request = GroupRequest(layout: layout)
    let type = try request.type(named: request.typeNames[0])
    var recipe = Recipe(.linearLayers(type))
    recipe.embeddingType = type
    let plan = try Plan(
      converting: try Checkpoint(path: LayoutFixtureTests.path("source")), to: Destination(path: bench.path("out")),
      recipe: recipe)
    let embedding = try #require(plan.tensors.first { $0.name.contains("embed_tokens") })
    #expect(embedding.isElements && embedding.substitution?.contains("does not quantize embeddings") == true)
  }

  /// A merge makes some weights plain, and config.json says which.
  @Test(arguments: [("gptq-4bit-group32", "dynamic"), ("fp8-row", "modules_to_not_convert")])
  func whatBecomesPlainIsListed(folder: String, key: String) async throws {
    let bench = try Workbench()
    var recipe = Recipe(.keep)
    recipe.overrides = [
      try Recipe.Override(pattern: "down_proj", type: TargetType(codec: BFloat16Codec()))
    ]
    let output = try await bench.convert(LayoutFixtureTests.path(folder), to: "out", recipe)
    let config = try JSONValue(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: output + "/config.json"))))
    let said = try String(decoding: #require(config["quantization_config"]?[key]).serialized(), as: UTF8.self)
    #expect(said.contains("down_proj"), "\(said)")
    try Checkpoint(path: output).checkTensors()
  }

  @Test func aSingleFileHasNoConfiguration() throws {
    let bench = try Workbench()
    let type = try GroupRequest(layout: "gptq").type(named: "int4")
    let error = #expect(throws: FileError.self) {
      try Plan(
        converting: try Checkpoint(path: LayoutFixtureTests.path("source")),
        to: Destination(path: bench.path("out.safetensors")), recipe: Recipe(.linearLayers(type)))
    }
    #expect(error?.message.contains("no config.json") == true)
  }

  @Test(arguments: [Float.infinity, -.infinity, .nan, 1e30, -1]) func noScaleTraps(value: Float) {
    for format in [NumberFormat.exponent, .e4m3, .signedByte, .float(.f16), .float(.bf16)] {
      if let bytes = format.encode([value]) { #expect(format.decode(bytes) == [value]) }
    }
  }

  /// The experts of gpt-oss are no weights of bitsandbytes, and stay plain beside NF4.
  @Test func nothingStaysBesideNF4() async throws {
    let bench = try Workbench()
    let output = try await bench.convert(
      LayoutFixtureTests.path("mxfp4-gpt-oss"), to: "out", Recipe(try .quantizing("nf4")))
    #expect(!(try Workbench.tensors(at: output).keys).contains { $0.hasSuffix("_blocks") })
    try Checkpoint(path: output).checkTensors()
  }

  /// F64 and whole numbers beyond a Float are not what F32 says.
  @Test(arguments: [("F64", false), ("BF16", true), ("F16", true)])
  func onlyWhatIsWiderIsExact(type: String, isExact: Bool) throws {
    let bench = try Workbench()
    let path = try bench.write(TinyCheckpoint { $0.type = type == "F64" ? "F32" : type }) { tensors in
      guard type == "F64" else { return }
      tensors = tensors.map { tensor in
        let bytes = tensor.values.flatMap { withUnsafeBytes(of: Double($0).bitPattern.littleEndian, Array.init) }
        return RawTensor(tensor.name, type: type, shape: tensor.shape, bytes: bytes)
      }
    }
    let plan = try Plan(
      converting: try Checkpoint(path: path), to: Destination(path: bench.path("out")),
      recipe: Recipe(.elements(TargetType(codec: Float32Codec()))))
    for tensor in plan.tensors { #expect(tensor.cost.isExact == isExact, "\(tensor.name): \(tensor.cost)") }
  }

  /// transformers opens no folder in which experts are LLM.int8.
  @Test func expertsAreSparedWhereOnlyTransformersReads() throws {
    let bench = try Workbench()
    let type = try GroupRequest(layout: "bitsandbytes").type(named: "int8")
    let plan = try Plan(
      converting: try Checkpoint(path: LayoutFixtureTests.path("mlx-experts-source")),
      to: Destination(path: bench.path("out")), recipe: Recipe(.linearLayers(type)))
    let experts = plan.tensors.filter { $0.name.contains(".experts.") }
    #expect(experts.count == 12)
    for tensor in experts { #expect(tensor.isElements, "\(tensor.name)") }
    #expect(plan.tensors.count { $0.spelling != nil } == 4)
  }
}
