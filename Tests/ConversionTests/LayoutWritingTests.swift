import Bytes
import Foundation
import JSON
import Quantization
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// Folders as a library writes them by rounding to nearest (Tests/Fixtures/Layouts), written from the same source: every stored
/// tensor has the same bytes.
@Suite struct LayoutWritingTests {
  /// What a fixture was made with.
  struct Case: Sendable, CustomTestStringConvertible {
    let folder: String
    let layout: String
    let type: String
    var extent: GroupExtent?
    var isSymmetric: Bool?
    /// Stored tensors that are not made of weights alone: scales of activations.
    var others: [String] = []
    /// Modules that the library was told to leave alone, as expressions.
    var skips: [String] = []

    var testDescription: String { folder }
  }

  static let cases: [Case] =
    [2, 3, 4, 5, 6, 8].map { Case(folder: "mlx-affine-\($0)bit", layout: "mlx", type: "int\($0)") }
    + [
      Case(folder: "mlx-affine-4bit-group32", layout: "mlx", type: "int4", extent: GroupExtent(columns: 32)),
      Case(folder: "mlx-affine-4bit-group128", layout: "mlx", type: "int4", extent: GroupExtent(columns: 128)),
      Case(folder: "mlx-affine-8bit-group32", layout: "mlx", type: "int8", extent: GroupExtent(columns: 32)),
      Case(folder: "mlx-mxfp4", layout: "mlx", type: "mxfp4"),
      Case(folder: "mlx-mxfp8", layout: "mlx", type: "mxfp8"),
      Case(folder: "mlx-nvfp4", layout: "mlx", type: "nvfp4"),
      Case(folder: "gptq-4bit-group32", layout: "gptq", type: "int4", extent: GroupExtent(columns: 32)),
      Case(folder: "gptq-4bit-group128", layout: "gptq", type: "int4"),
      Case(folder: "gptq-4bit-row", layout: "gptq", type: "int4", extent: .row),
      Case(
        folder: "gptq-4bit-zeros-v2", layout: "gptq", type: "int4", extent: GroupExtent(columns: 32), isSymmetric: false
      ),
      Case(folder: "gptq-8bit", layout: "gptq", type: "int8", extent: GroupExtent(columns: 32)),
      // Codes of v_proj are spoiled by the library, which does not clamp them.
      Case(
        folder: "awq-gptqmodel-rounded-row", layout: "awq", type: "int4", extent: .row, isSymmetric: true,
        others: ["v_proj.qweight"]),
      Case(
        folder: "compressed-tensors-int4-group32", layout: "compressed-tensors", type: "int4",
        extent: GroupExtent(columns: 32)),
      Case(folder: "compressed-tensors-int4-group128", layout: "compressed-tensors", type: "int4"),
      Case(folder: "compressed-tensors-int4-channel", layout: "compressed-tensors", type: "int4", extent: .row),
      Case(
        folder: "compressed-tensors-int4-channel-zeros", layout: "compressed-tensors", type: "int4", extent: .row,
        isSymmetric: false),
      Case(
        folder: "compressed-tensors-int4-group32-zeros", layout: "compressed-tensors", type: "int4",
        extent: GroupExtent(columns: 32), isSymmetric: false),
      Case(
        folder: "compressed-tensors-int8-group128", layout: "compressed-tensors", type: "int8",
        extent: GroupExtent(columns: 128)),
      Case(
        folder: "compressed-tensors-int8-channel-zeros", layout: "compressed-tensors", type: "int8", isSymmetric: false),
      Case(folder: "compressed-tensors-float8-channel", layout: "compressed-tensors", type: "fp8"),
      Case(
        folder: "compressed-tensors-float8-tensor", layout: "compressed-tensors", type: "fp8", extent: .tensor,
        others: [".input_scale"]),
      Case(
        folder: "compressed-tensors-float8-block", layout: "compressed-tensors", type: "fp8",
        extent: GroupExtent(rows: 128, columns: 128)),
      Case(folder: "compressed-tensors-nvfp4-weights-only", layout: "compressed-tensors", type: "nvfp4"),
      Case(folder: "compressed-tensors-mxfp4", layout: "compressed-tensors", type: "mxfp4"),
      Case(folder: "compressed-tensors-mxfp8", layout: "compressed-tensors", type: "mxfp8"),
      Case(folder: "fp8-block", layout: "fp8", type: "fp8"),
      Case(folder: "fp8-tensor", layout: "fp8", type: "fp8", extent: .tensor, others: [".activation_scale"]),
      Case(folder: "fp8-row", layout: "fp8", type: "fp8", extent: .row),
      Case(folder: "modelopt-nvfp4-weights-only", layout: "modelopt", type: "nvfp4"),
      Case(folder: "bitsandbytes-int8", layout: "bitsandbytes", type: "int8"),
    ]

  static func convert(_ example: Case, _ bench: Workbench) async throws -> String {
    let type = try GroupRequest(layout: example.layout, extent: example.extent, isSymmetric: example.isSymmetric)
      .type(named: example.type)
    return try await bench.convert(
      LayoutFixtureTests.path("source"), to: "written", Recipe(.linearLayers(type)))
  }

  @Test(arguments: cases) func isWrittenAsTheLibraryRounds(example: Case) async throws {
    let bench = try Workbench()
    let output = try await Self.convert(example, bench)
    let (expected, found) = (
      try Workbench.tensors(at: LayoutFixtureTests.path(example.folder)), try Workbench.tensors(at: output)
    )
    func isOfWeights(_ name: String) -> Bool { !example.others.contains { name.hasSuffix($0) } }
    let names = expected.keys.filter(isOfWeights)
    #expect(Set(names) == Set(found.keys.filter(isOfWeights)))
    for name in names.sorted() {
      let (one, other) = (try #require(expected[name]), found[name])
      #expect(one.shape == other?.shape && one.type == other?.type, "\(name)")
      #expect(one.bytes == other?.bytes, "\(name) \(one.bytes.prefix(12)) \(other?.bytes.prefix(12) ?? [])")
    }
  }

  @Test(arguments: cases) func isReadAsItWasWritten(example: Case) async throws {
    let bench = try Workbench()
    let output = try await Self.convert(example, bench)
    let (library, own) = (try Checkpoint(path: LayoutFixtureTests.path(example.folder)), try Checkpoint(path: output))
    for weight in library.weights
    where !example.others.contains(where: { $0.hasPrefix("v_proj") && weight.name.contains("v_proj") }) {
      let other = try #require(own.weights.first { $0.name == weight.name })
      #expect(other.typeName == weight.typeName && other.isQuantized == weight.isQuantized)
      #expect(try other.values() == weight.values(), "\(weight.name)")
    }
  }
}
