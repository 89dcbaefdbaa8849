import Architectures
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// GGUFs of Gemma hold norms with 1 added in F32, which rounds: what comes back makes the same GGUF again, and a note says so.
@Suite struct FamilyRoundingTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures/Families").path

  private static let words = "where that was rounded, the values that come back differ"

  /// A fixture in F32 whose norms have digits that 1 + x has no place for.
  private func write(_ fixture: String, to bench: Workbench) throws -> String {
    let (source, path) = ("\(Self.folder)/\(fixture)", bench.path("model"))
    var random = SeededGenerator(seed: 3)
    let tensors = try Workbench.tensors(at: source).values
      .filter { $0.name != "logits" && $0.name != "tokens" }.sorted { $0.name < $1.name }.map { tensor in
        var values = tensor.values
        if tensor.shape.count == 1 {
          values = zip(values, random.normals(values.count, deviation: 1e-4)).map { $0 + $1 }
        }
        return RawTensor(tensor.name, shape: tensor.shape, values: values)
      }
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try Data(Workbench.bytes(source + "/config.json")).write(to: URL(fileURLWithPath: path + "/config.json"))
    try Data(RawSafetensors.bytes(of: tensors)).write(to: URL(fileURLWithPath: path + "/model.safetensors"))
    return path
  }

  @Test(arguments: ["GemmaForCausalLM-plain", "Gemma2ForCausalLM-plain", "Gemma3ForCausalLM-plain"])
  func theSameGGUFComesOut(_ fixture: String) async throws {
    let bench = try Workbench()
    let source = try write(fixture, to: bench)
    let first = try await bench.convert(source, to: "first.gguf")
    let checkpoint = try Checkpoint(path: first)
    let plan = try Plan(
      converting: checkpoint, to: Destination(path: bench.path("back")), recipe: Recipe(.keep))
    let note = try #require(plan.notes.first { $0.cause.contains(Self.words) })
    let norms = checkpoint.tensors.map(\.name).filter { $0.contains("norm") }
    #expect(Set(note.names) == Set(norms))
    try await plan.pour(workers: 1)
    let (before, after) = (try Workbench.tensors(at: source), try Workbench.tensors(at: bench.path("back")))
    let changed = before.keys.filter { before[$0]?.bytes != after[$0]?.bytes }
    #expect(!changed.isEmpty && Set(changed).isSubset(of: norms))
    let second = try await bench.convert(bench.path("back"), to: "second.gguf")
    #expect(
      try Workbench.ggufTensors(at: second).mapValues(\.bytes) == Workbench.ggufTensors(at: first).mapValues(\.bytes))
  }

  /// Nothing is said where nothing is lost: of other families, and from folder to GGUF and GGUF to GGUF.
  @Test func otherJobsSayNothing() async throws {
    let bench = try Workbench()
    func notes(_ input: String, to output: String) throws -> [Note] {
      try Plan(
        converting: try Checkpoint(path: input), to: Destination(path: bench.path(output)), recipe: Recipe(.keep)
      ).notes.filter { $0.cause.contains(Self.words) }
    }
    let gemma = try await bench.convert("\(Self.folder)/Gemma2ForCausalLM-plain", to: "gemma.gguf")
    let qwen = try await bench.convert("\(Self.folder)/Qwen2ForCausalLM-plain", to: "qwen.gguf")
    #expect(try notes("\(Self.folder)/Gemma2ForCausalLM-plain", to: "new.gguf").isEmpty)
    #expect(try notes(gemma, to: "new.gguf").isEmpty)
    #expect(try notes(qwen, to: "new").isEmpty)
    #expect(try notes(gemma, to: "new").count == 1)
  }
}
