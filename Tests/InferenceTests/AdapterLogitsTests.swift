import Architectures
import Bytes
import Conversion
import Inference
import JSON
import TestSupport
import Testing

/// Adapters merged on the way, against what PEFT computes with them, unmerged: of tied models, grown vocabularies, single
/// tokens, several adapters.
@Suite struct AdapterLogitsTests {
  /// Those whose head is the embedding still.
  private static let stillTied: Set<String> = [
    "tied-ensured-lora", "tied-ensured-saved", "tied-grown", "tied-grown-tokens", "tied-tokens",
  ]
  /// Those that are refused.
  private static let refused: Set<String> = ["pissa"]
  private static let merged = AdapterCase.all.filter { !refused.contains($0.name) }

  private func checkpoint(_ example: AdapterCase) throws -> Checkpoint {
    var checkpoint = try Checkpoint(path: example.base)
    for path in example.adapters { checkpoint = try checkpoint.adding(Adapter(path: path)) }
    return checkpoint
  }

  private func expectLogits(of checkpoint: Checkpoint, _ example: AdapterCase) async throws {
    let model = try LoadedModel(running: checkpoint)
    #expect(model.vocabularySize == example.rows)
    let largest = example.logits.joined().map(abs).max() ?? 0
    var worst = 0.0
    try await model.forEachLogits(of: [example.tokens], at: 0..<example.tokens.count, workers: Workers(count: 1)) {
      _, position, logits in
      for (index, expected) in example.logits[position].enumerated() {
        worst = max(worst, abs(Double(logits[index]) - expected))
      }
    }
    #expect(worst <= 1e-5 * largest, "\(worst) of \(largest)")
  }

  @Test func thereAreCases() { #expect(AdapterCase.all.count > 25) }

  @Test(arguments: merged)
  func theModelComputesWhatPEFTDoes(_ example: AdapterCase) async throws {
    let checkpoint = try checkpoint(example)
    try await expectLogits(of: checkpoint, example)
    let isTied = checkpoint.model?.tiesHead
    #expect(isTied == Self.stillTied.contains(example.name))
  }

  @Test(arguments: merged, ["folder", "model.gguf"])
  func whatIsWrittenComputesIt(_ example: AdapterCase, _ output: String) async throws {
    let folder = try TemporaryFolder()
    let destination = Destination(path: folder.file(output))
    let plan = try Plan(converting: try checkpoint(example), to: destination, recipe: Recipe(.keep))
    try await plan.pour(workers: 1)
    let written = try Checkpoint(path: destination.path)
    try await expectLogits(of: written, example)
    if output == "folder" {
      #expect(written.config?["tie_word_embeddings"]?.bool == Self.stillTied.contains(example.name))
      #expect(written.config?["vocab_size"]?.int == example.rows)
    }
  }

  @Test(arguments: refused.sorted())
  func isRefusedByName(_ name: String) throws {
    let error = #expect(throws: FileError.self) { try Adapter(path: AdapterCase.path(name)) }
    #expect(error?.subject == "init_lora_weights")
  }
}
