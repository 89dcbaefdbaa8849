import Architectures
import Bytes
import Foundation
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
}
