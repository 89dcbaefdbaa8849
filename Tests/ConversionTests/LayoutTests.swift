import Bytes
import Tensors
import TestSupport
import Testing

@testable import Conversion

private let fixtures = Fixtures(of: "Safetensors")

/// What every layout has in common, on an example of each.
@Suite struct LayoutTests {
  /// The stored tensors of one weight in a layout.
  struct Example: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let layout: String
    let tensors: [RawTensor]
    /// Those of them without which the rest is no weight of this layout, and nothing is wrong.
    var standsAloneWithout: Set<String> = []
  }

  private static func name(of layout: any WeightLayout) -> String { String(describing: type(of: layout)) }

  private static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next() >> 8) }
  }

  static let examples: [Example] =
    fixtures.names(in: "quantized/valid").compactMap { name in
      guard let tensors = try? Workbench.tensors(at: fixtures.path("quantized/valid/\(name)")) else { return nil }
      let isOfRows = tensors.keys.contains { $0.hasSuffix(".SCB") }
      return Example(
        testDescription: name, layout: isOfRows ? "LLMInt8Layout" : "BlockwiseLayout",
        tensors: tensors.values.sorted { $0.name < $1.name },
        standsAloneWithout: isOfRows ? Set(tensors.keys.filter { !$0.hasSuffix(".weight") }) : [])
    } + [
      Example(
        testDescription: "rows of LLM.int8", layout: "LLMInt8Layout",
        tensors: [
          RawTensor("w.SCB", shape: [3], values: [1, 2, 4]),
          RawTensor("w.weight", type: "I8", shape: [3, 50], bytes: bytes(150, seed: 1)),
        ], standsAloneWithout: ["w.SCB"]),
      Example(
        testDescription: "experts of gpt-oss", layout: "MXFP4Layout",
        tensors: [
          RawTensor("mlp.experts.down_proj_blocks", type: "U8", shape: [2, 3, 2, 16], bytes: bytes(192, seed: 2)),
          RawTensor(
            "mlp.experts.down_proj_scales", type: "U8", shape: [2, 3, 2], bytes: (0..<12).map { 120 + UInt8($0) }),
        ]),
    ]

  @Test("Every layout has an example here, or a folder of its library in LayoutFixtureTests")
  func everyLayoutHasAnExample() {
    let ofLibraries = LayoutFixtureTests.read.flatMap { folder in
      ((try? Checkpoint(path: LayoutFixtureTests.path(folder)))?.weights ?? []).compactMap { $0 as? any LaidOutWeight }
    }.map { Self.name(of: $0.layout) }
    // That of a GGUF has ScaledBlocksTests.
    let ofFolders = WeightLayouts.all.filter { !$0.isKnownInGGUF }
    #expect(Set(Self.examples.map(\.layout) + ofLibraries) == Set(ofFolders.map(Self.name)))
  }

  private static func checkpoint(_ tensors: [RawTensor], _ bench: Workbench) throws -> Checkpoint {
    try Checkpoint(path: try bench.folder.write(try RawSafetensors.bytes(of: tensors), to: "in.safetensors"))
  }

  @Test(arguments: examples) func isOneWeight(_ example: Example) throws {
    let weights = try Self.checkpoint(example.tensors, try Workbench()).weights
    let weight = try #require(weights.first as? any LaidOutWeight)
    #expect(weights.count == 1)
    #expect(Self.name(of: weight.layout) == example.layout)
    #expect(Set(weight.storedNames) == Set(example.tensors.map(\.name)))
    #expect(weight.byteCount == example.tensors.reduce(0) { $0 + $1.bytes.count })
    #expect(weight.isQuantized)
  }

  @Test(arguments: examples) func partsAreReadAsTheWhole(_ example: Example) throws {
    let weight = try #require(try Self.checkpoint(example.tensors, try Workbench()).weights.first)
    let whole = try weight.values()
    var scratch: [UInt8] = []
    for (first, count) in [(0, 1), (1, 1), (5, 40), (31, 2), (17, 70), (whole.count - 3, 3)]
    where first + count <= whole.count {
      var values = [Float](repeating: 0, count: count)
      var span = values.mutableSpan
      try weight.read(elements: first..<first + count, into: &span, scratch: &scratch)
      #expect(values == Array(whole[first..<first + count]), "elements \(first)..<\(first + count)")
    }
  }

  @Test(arguments: examples) func aMissingPartIsMissed(_ example: Example) throws {
    for tensor in example.tensors where !example.standsAloneWithout.contains(tensor.name) {
      let rest = example.tensors.filter { $0.name != tensor.name }
      guard !rest.isEmpty else { continue }
      let error = try #require(throws: FileError.self, "without \(tensor.name)") {
        try Self.checkpoint(rest, try Workbench())
      }
      #expect(example.tensors.contains { error.subject == $0.name }, "\(error)")
    }
  }

  @Test(arguments: examples) func isCopiedWithoutLoss(_ example: Example) async throws {
    let bench = try Workbench()
    let output = try await bench.convert(try Self.checkpoint(example.tensors, bench), to: "out.safetensors")
    let found = try Workbench.tensors(at: output)
    for tensor in example.tensors {
      #expect(found[tensor.name]?.bytes == tensor.bytes)
      #expect(found[tensor.name]?.shape == tensor.shape)
    }
    #expect(found.count == example.tensors.count)
  }
}
