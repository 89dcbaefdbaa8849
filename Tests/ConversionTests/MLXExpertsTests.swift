import Architectures
import Bytes
import Foundation
import JSON
import Quantization
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// Experts, which mlx-lm stacks under names of its own.
@Suite struct MLXExpertsTests {
  @Test func areWrittenAsMLXDoes() async throws {
    let bench = try Workbench()
    let request = GroupRequest(layout: "mlx", extent: GroupExtent(columns: 32))
    var recipe = Recipe(.linearLayers(try request.type(named: "int4")))
    // What mlx-lm gives routers.
    let router = try GroupRequest(layout: "mlx", extent: GroupExtent(columns: 64)).type(named: "int8")
    recipe.overrides = [try Recipe.Override(pattern: "mlp\\.gate\\.weight", type: router)]
    let output = try await bench.convert(LayoutFixtureTests.path("mlx-experts-source"), to: "out", recipe)
    let (expected, found) = (
      try Workbench.tensors(at: LayoutFixtureTests.path("mlx-experts")), try Workbench.tensors(at: output)
    )
    #expect(Set(expected.keys) == Set(found.keys))
    for (name, tensor) in expected {
      #expect(found[name]?.shape == tensor.shape && found[name]?.type == tensor.type, "\(name)")
      #expect(found[name]?.bytes == tensor.bytes, "\(name)")
    }
  }

  @Test(arguments: ["mlx-experts", "mlx-experts-mxfp4"]) func areReadOneByOne(folder: String) async throws {
    let bench = try Workbench()
    let checkpoint = try Checkpoint(path: LayoutFixtureTests.path(folder))
    try checkpoint.checkTensors()
    let single = checkpoint.tensors.filter { $0.name.contains(".experts.") }
    #expect(single.count == 12)
    // Into another layout, and a GGUF, codes stay what they are.
    let plan = try Plan(
      converting: checkpoint, to: Destination(path: bench.path("out")), recipe: Recipe(.layout("compressed-tensors")))
    for tensor in plan.tensors where tensor.name.contains(".experts.") {
      #expect(folder == "mlx-experts" || tensor.cost == .repacked, "\(tensor.name): \(tensor.cost)")
    }
    try await plan.pour(workers: 2)
    try Checkpoint(path: plan.destination.path).checkTensors()
    let copy = try await bench.convert(LayoutFixtureTests.path(folder), to: "copy")
    let (before, after) = (
      try Workbench.tensors(at: LayoutFixtureTests.path(folder)), try Workbench.tensors(at: copy)
    )
    #expect(Set(before.keys) == Set(after.keys))
    for (name, tensor) in before { #expect(after[name]?.bytes == tensor.bytes, "\(name)") }
  }

  // MARK: - gpt-oss

  private static let gptOss = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/Families/GptOssForCausalLM-mxfp4").path

  /// Gates and ups, which are rows in turn of one tensor, have names of their own; mlx-gpt-oss.json has what mlx-lm makes of them.
  @Test func gptOssIsWrittenAsMLXDoes() async throws {
    let bench = try Workbench()
    let plan = try Plan(
      converting: try Checkpoint(path: Self.gptOss), to: Destination(path: bench.path("out")),
      recipe: Recipe(.layout("mlx")))
    #expect(plan.tensors.allSatisfy { $0.cost.isExact })
    try await plan.pour(workers: 2)
    let path = LayoutFixtureTests.path("mlx-gpt-oss.json")
    let expected = try #require(try JSONValue(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))).object)
    let found = try Workbench.tensors(at: plan.destination.path + "/model.safetensors")
    #expect(Set(expected.map(\.key)) == Set(found.keys))
    for (name, entry) in expected {
      let tensor = try #require(found[name])
      #expect(tensor.shape == entry["shape"]?.array?.compactMap(\.int), "\(name)")
      #expect(SHA256.hexadecimal(of: tensor.bytes) == entry["sha256"]?.string, "\(name)")
    }
  }

  @Test func gptOssIsRead() async throws {
    let bench = try Workbench()
    let folder = try await bench.convert(Self.gptOss, to: "mlx", Recipe(.layout("mlx")))
    let checkpoint = try Checkpoint(path: folder)
    try checkpoint.checkTensors()
    // Back to where it came from, into a GGUF, and into itself, every byte is what it was.
    let back = try await bench.convert(folder, to: "back", Recipe(.layout("mxfp4")))
    let (one, other) = (
      try await bench.convert(Self.gptOss, to: "one.gguf"), try await bench.convert(folder, to: "other.gguf")
    )
    let again = try await bench.convert(folder, to: "again")
    for (before, after) in [
      (
        try Workbench.tensors(at: Self.gptOss + "/model.safetensors"),
        try Workbench.tensors(at: back + "/model.safetensors")
      ),
      (try Workbench.ggufTensors(at: one), try Workbench.ggufTensors(at: other)),
      (
        try Workbench.tensors(at: folder + "/model.safetensors"),
        try Workbench.tensors(at: again + "/model.safetensors")
      ),
    ] {
      #expect(before.keys.sorted() == after.keys.sorted())
      for (name, tensor) in before { #expect(after[name]?.bytes == tensor.bytes, "\(name)") }
    }
  }
}
