import Bytes
import Foundation
import GGUF
import JSON
import Quantization
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// NVFP4 with a number of the whole tensor, in a GGUF: `P.weight` and `P.scale`.
@Suite struct ScaledBlocksTests {
  private static let expected: JSONValue? = {
    let path = LayoutFixtureTests.path("gguf.json")
    return (try? Data(contentsOf: URL(fileURLWithPath: path))).flatMap { try? JSONValue(parsing: [UInt8]($0)) }
  }()

  static let folders = [
    "compressed-tensors-nvfp4", "compressed-tensors-nvfp4-weights-only", "modelopt-mixed", "modelopt-nvfp4",
    "modelopt-nvfp4-four-over-six", "modelopt-nvfp4-weights-only",
  ]

  /// Every tensor that llama.cpp's converter makes (gguf.json) but scales of activations.
  @Test(arguments: folders) func isWhatTheConverterWrites(folder: String) async throws {
    let bench = try Workbench()
    let path = try await bench.convert(LayoutFixtureTests.path(folder), to: "out.gguf", Recipe(.keep))
    let tensors = try Workbench.ggufTensors(at: path)
    let expected = try #require(Self.expected?[folder]?.object).filter { !$0.key.hasSuffix(".input_scale") }
    #expect(tensors.keys.sorted() == expected.map(\.key).sorted())
    for (name, entry) in expected {
      let tensor = try #require(tensors[name])
      #expect(
        tensor.type == entry["type"]?.string && tensor.shape == entry["shape"]?.array?.compactMap(\.int), "\(name)")
      #expect(SHA256.hexadecimal(of: tensor.bytes) == entry["sha256"]?.string, "\(name)")
    }
  }

  /// A number that one spelling multiplies with and the other divides by is exact for some tensors, and rounded for others.
  @Test(arguments: ["compressed-tensors-nvfp4", "modelopt-nvfp4"]) func whatIsCalledExactIs(folder: String) async throws
  {
    let bench = try Workbench()
    let source = try Checkpoint(path: LayoutFixtureTests.path(folder))
    let plan = try Plan(converting: source, to: Destination(path: bench.path("out.gguf")), recipe: Recipe(.keep))
    try await plan.pour(workers: 2)
    let back = try Checkpoint(path: plan.destination.path)
    var kinds: Set<String> = []
    for tensor in plan.tensors where tensor.targetType == "nvfp4" {
      let before = try tensor.rows.values()
      let after = try #require(back.weights.first { $0.name == tensor.name }).values()
      let (largest, smallest) = (before.map(abs).max() ?? 0, zip(before, after).map { abs($0 - $1) }.max() ?? 0)
      #expect(tensor.cost.isExact == (before == after), "\(tensor.name): \(tensor.cost)")
      // The last bit of an F32.
      #expect(smallest <= largest * 0x1p-22, "\(tensor.name)")
      kinds.insert(tensor.cost.kind)
    }
    #expect(kinds == (folder.hasPrefix("modelopt") ? ["repacked"] : ["repacked", "encoded_again"]))
  }

  @Test func goesBackToTheFolderItWas() async throws {
    let bench = try Workbench()
    let source = LayoutFixtureTests.path("modelopt-nvfp4-weights-only")
    let gguf = try await bench.convert(source, to: "out.gguf", Recipe(.keep))
    let plan = try Plan(
      converting: try Checkpoint(path: gguf), to: Destination(path: bench.path("back")),
      recipe: Recipe(.layout("modelopt")))
    #expect(plan.tensors.filter { $0.cost == .repacked && $0.targetType == "nvfp4" }.count == 7)
    try await plan.pour(workers: 2)
    let (before, after) = (
      try Workbench.tensors(at: source + "/model.safetensors"),
      try Workbench.tensors(at: plan.destination.path + "/model.safetensors")
    )
    for (name, tensor) in before { #expect(after[name]?.bytes == tensor.bytes, "\(name)") }
  }

  /// A GGUF is copied with them, and what is quantized to another type has none.
  @Test func staysWithItsWeight() async throws {
    let bench = try Workbench()
    let first = try await bench.convert(
      LayoutFixtureTests.path("modelopt-nvfp4"), to: "first.gguf", Recipe(.keep))
    let copy = try await bench.convert(first, to: "copy.gguf", Recipe(.keep))
    let (before, after) = (try Workbench.ggufTensors(at: first), try Workbench.ggufTensors(at: copy))
    #expect(before.mapValues(\.bytes) == after.mapValues(\.bytes))
    let other = try await bench.convert(first, to: "other.gguf", Recipe(try .quantizing("q8_0")))
    let names = try Workbench.ggufTensors(at: other).keys
    #expect(!names.contains { $0.hasSuffix(".scale") } && names.contains("blk.0.attn_q.weight"))
    let values = try #require(try Checkpoint(path: other).weights.first { $0.name == "blk.0.attn_q.weight" }).values()
    let original = try #require(try Checkpoint(path: first).weights.first { $0.name == "blk.0.attn_q.weight" }).values()
    let error = zip(values, original).map { abs($0 - $1) }.max() ?? 1
    #expect(error < (original.map(abs).max() ?? 0) / 100)
  }

  /// modelopt divides by 2688, which leaves a number below the normal ones of such weights.
  @Test(arguments: [1e-34, 1e-36, 1e-37] as [Float]) func tinyWeightsKeepTheirSize(size: Float) async throws {
    let bench = try Workbench()
    let original = LayoutFixtureTests.path("source")
    let folder = bench.path("tiny")
    try FileManager.default.copyItem(atPath: original, toPath: folder)
    var tensors = try Workbench.tensors(at: original + "/model.safetensors").values.sorted { $0.name < $1.name }
    for place in tensors.indices where tensors[place].name.contains("self_attn") {
      let tensor = tensors[place]
      tensors[place] = RawTensor(
        tensor.name, type: tensor.type, shape: tensor.shape, values: tensor.values.map { $0 * size })
    }
    try Data(try RawSafetensors.bytes(of: tensors)).write(to: URL(fileURLWithPath: folder + "/model.safetensors"))
    let type = try GroupRequest(layout: "modelopt").type(named: "nvfp4")
    let output = try await bench.convert(folder, to: "out", Recipe(.linearLayers(type)))
    let name = "model.layers.0.self_attn.q_proj.weight"
    let before = try #require(try Checkpoint(path: folder).weights.first { $0.name == name }).values()
    let after = try #require(try Checkpoint(path: output).weights.first { $0.name == name }).values()
    let largest = before.map(abs).max() ?? 0
    let error = zip(before, after).map { abs($0 - $1) }.max() ?? 0
    #expect(largest > 0 && error < largest / 3)
  }

  // MARK: - Experts

  /// Each expert has a number of its own, and so has each matrix of the stack.
  @Test func expertsKeepTheirNumbers() async throws {
    let bench = try Workbench()
    let type = try GroupRequest(layout: "modelopt").type(named: "nvfp4")
    let folder = try await bench.convert(
      LayoutFixtureTests.path("mlx-experts-source"), to: "folder", Recipe(.linearLayers(type)))
    let plan = try Plan(
      converting: try Checkpoint(path: folder), to: Destination(path: bench.path("out.gguf")), recipe: Recipe(.keep))
    try await plan.pour(workers: 2)
    let stored = try Workbench.ggufTensors(at: plan.destination.path)
    let parts = try Workbench.tensors(at: folder + "/model.safetensors")
    let back = try Checkpoint(path: plan.destination.path)
    for name in ["gate", "up"] {
      let stack = "blk.0.ffn_\(name)_exps"
      let tensor = try #require(plan.tensors.first { $0.name == stack + ".weight" })
      #expect(tensor.cost == .repacked && tensor.targetType == "nvfp4" && tensor.shape == [4, 32, 64])
      let numbers = (0..<4).flatMap {
        parts["model.layers.0.mlp.experts.\($0).\(name)_proj.weight_scale_2"]?.bytes ?? []
      }
      #expect(stored[stack + ".scale"]?.bytes == numbers && numbers.count == 16)
      let weight = try #require(back.weights.first { $0.name == stack + ".weight" })
      #expect(try weight.values() == tensor.rows.values())
      // A part that begins and ends within blocks and matrices.
      var part = [Float](repeating: 0, count: 4096)
      var span = part.mutableSpan
      var scratch: [UInt8] = []
      try weight.read(elements: 1003..<5099, into: &span, scratch: &scratch)
      #expect(try part == Array(weight.values()[1003..<5099]))
    }
    // And back, each with its own.
    let again = try Plan(
      converting: back, to: Destination(path: bench.path("again")), recipe: Recipe(.layout("modelopt")))
    try await again.pour(workers: 2)
    let found = try Workbench.tensors(at: again.destination.path + "/model.safetensors")
    for (name, part) in parts where name.contains("gate_proj") || name.contains("up_proj") {
      #expect(found[name]?.bytes == part.bytes, "\(name)")
    }
    #expect(again.tensors.filter { $0.name.contains("up_proj") }.allSatisfy { $0.cost == .repacked })
    // Rows of 32 fill no block of 64.
    #expect(plan.tensors.first { $0.name == "blk.0.ffn_down_exps.weight" }?.targetType != "nvfp4")
  }

  // MARK: - What is wrong

  static let wrong: [(what: String, tensor: RawTensor, message: String)] = [
    ("two numbers", RawTensor("output.scale", shape: [2], values: [1, 1]), "one number of f32 for each matrix"),
    ("two dimensions", RawTensor("output.scale", shape: [1, 1], values: [1]), "one number of f32 for each matrix"),
    (
      "another type", RawTensor("output.scale", type: "F16", shape: [1], values: [1]),
      "one number of f32 for each matrix"
    ),
    ("NaN", RawTensor("output.scale", shape: [1], values: [.nan]), "which is no scale"),
    ("infinite", RawTensor("output.scale", shape: [1], values: [.infinity]), "which is no scale"),
    ("zero", RawTensor("output.scale", shape: [1], values: [0]), "which is no scale"),
    ("negative", RawTensor("output.scale", shape: [1], values: [-1]), "which is no scale"),
  ]

  /// What E4M3 has a sign for and the blocks have not, is decoded as before.
  @Test func negativeScalesAreDecoded() async throws {
    let bench = try Workbench()
    let original = LayoutFixtureTests.path("modelopt-nvfp4-weights-only")
    let folder = bench.path("negative")
    try FileManager.default.copyItem(atPath: original, toPath: folder)
    var tensors = try Workbench.tensors(at: original + "/model.safetensors").values.sorted { $0.name < $1.name }
    let name = "model.layers.0.self_attn.q_proj.weight_scale"
    let place = try #require(tensors.firstIndex { $0.name == name })
    tensors[place].bytes[5] |= 0x80
    try Data(try RawSafetensors.bytes(of: tensors)).write(to: URL(fileURLWithPath: folder + "/model.safetensors"))
    let plan = try Plan(
      converting: try Checkpoint(path: folder), to: Destination(path: bench.path("out.gguf")), recipe: Recipe(.keep))
    #expect(plan.tensors.first { $0.name == "blk.0.attn_q.weight" }?.targetType == "bf16")
    #expect(plan.tensors.first { $0.name == "blk.0.attn_k.weight" }?.cost == .repacked)
    try await plan.pour(workers: 2)
  }

  @Test(arguments: wrong.indices) func isRefused(number: Int) throws {
    let (what, scale, message) = Self.wrong[number]
    let bench = try Workbench()
    let path = bench.path("a.gguf")
    try Self.write(
      [("output.weight", .nvfp4, [2, 64], [UInt8](repeating: 0x38, count: 72)), Self.entry(scale)], to: path)
    let error = #expect(throws: FileError.self, "\(what)") { try Checkpoint(path: path) }
    #expect(
      error?.subject == "output.scale" && error?.message.contains(message) == true, "\(error?.description ?? what)")
  }

  /// llama.cpp would multiply with it.
  @Test func isReadBesideNVFP4Only() throws {
    let bench = try Workbench()
    let path = bench.path("a.gguf")
    let scale = RawTensor("blk.0.attn_q.scale", shape: [1], values: [0.25])
    try Self.write(
      [("blk.0.attn_q.weight", .mxfp4, [2, 64], [UInt8](repeating: 0x38, count: 68)), Self.entry(scale)], to: path)
    let error = #expect(throws: FileError.self) { try Checkpoint(path: path) }
    #expect(error?.code == .unsupported && error?.subject == "blk.0.attn_q.scale")
    let other = RawTensor("token_embd.scale", shape: [1], values: [0.25])
    try Self.write(
      [("token_embd.weight", .nvfp4, [2, 64], [UInt8](repeating: 0x38, count: 72)), Self.entry(other)], to: path)
    #expect(throws: FileError.self) { try Checkpoint(path: path) }
  }

  @Test func isRead() throws {
    let bench = try Workbench()
    let path = bench.path("a.gguf")
    let scale = RawTensor("output.scale", shape: [1], values: [0.25])
    let codes = [UInt8](repeating: 0x38, count: 72)
    try Self.write([("output.weight", .nvfp4, [2, 64], codes), Self.entry(scale)], to: path)
    let weight = try #require(try Checkpoint(path: path).weights.first)
    try Self.write([("output.weight", .nvfp4, [2, 64], codes)], to: bench.path("b.gguf"))
    let plain = try #require(try Checkpoint(path: bench.path("b.gguf")).weights.first).values()
    #expect(try weight.values() == plain.map { $0 * 0.25 } && plain.contains { $0 != 0 })
    #expect(weight.storedNames == ["output.weight", "output.scale"])
  }

  private static func entry(_ tensor: RawTensor) -> (String, Encoding, [Int], [UInt8]) {
    (tensor.name, tensor.type == "F16" ? .f16 : .f32, tensor.shape, tensor.bytes)
  }

  private static func write(_ tensors: [(String, Encoding, [Int], [UInt8])], to path: String) throws {
    var metadata = GGUFMetadata()
    metadata["general.architecture"] = .string("unknown")
    let descriptors = try tensors.map { try TensorDescriptor(name: $0.0, encoding: $0.1, shape: $0.2) }
    let file = try GGUFWriter.plan(
      metadata: metadata, tensors: descriptors, name: FileSystem.lastComponent(path))[0]
    var bytes = file.header + [UInt8](repeating: 0, count: file.byteCount - file.header.count)
    for (tensor, place) in zip(tensors, file.tensors) {
      bytes.replaceSubrange(place.offset..<place.offset + tensor.3.count, with: tensor.3)
    }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }
}
