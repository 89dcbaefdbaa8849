import Bytes
import Conversion
import Evaluation
import Foundation
import Inference
import JSON
import TestSupport
import Testing
import Tokenizers

/// Checkpoints are measured as `Documentation/SWIFT.md` shows it to programs that use the libraries.
@Suite struct CheckpointMeasuringTests {
  @Test func perplexityIsThatOfTransformers() async throws {
    let checkpoint = try Checkpoint(path: TinyLlama.path)
    let text = try String(contentsOfFile: TinyLlama.heldOutText, encoding: .utf8)
    let windows = try EvaluationWindows(of: text, readBy: ModelTokenizer.load(of: checkpoint))
    let measured = try await Evaluator().perplexity(of: load(checkpoint), over: windows)
    print(measured.perplexity, measured.standardError)
    let expected = try #require(TinyLlama.reference()["perplexity"]?["perplexity"]?.double)
    #expect(abs(measured.perplexity - expected) < 1e-4 * expected)
    let few = try EvaluationWindows(of: text, readBy: ModelTokenizer.load(of: checkpoint), contextLength: 64, limit: 4)
    #expect(few.windows.count == 4 && few.windows.allSatisfy { $0.count == 64 && $0.first == windows.windows[0][0] })
  }

  /// The page's lines are those of the test above, with other files.
  @Test func thePageShowsWhatIsTested() throws {
    func lines(_ path: String) throws -> [String] {
      try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
        $0.trimmingCharacters(in: .whitespaces).replacing(/\((path|contentsOfFile): [^,)]+/) { "(\($0.1): " }
      }
    }
    let own = try lines(#filePath)
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let page = try lines(root.appendingPathComponent("Documentation/SWIFT.md").path)
    let last = try #require(page.firstIndex { $0.hasPrefix("print(measured") })
    let first = try #require(page[..<last].lastIndex { $0.hasPrefix("```") })
    let shown = page[first + 1...last]
    #expect(shown.count >= 5)
    for line in shown { #expect(own.contains(line), "\(line)") }
  }

  @Test("With little memory fewer windows are run together, and the numbers are the same to the last bit")
  func memoryDoesNotMatter() async throws {
    let checkpoint = try Checkpoint(path: TinyLlama.path)
    let (model, tokenizer) = (try LoadedModel(running: checkpoint), try ModelTokenizer.load(of: checkpoint))
    let text = try String(contentsOfFile: TinyLlama.heldOutText, encoding: .utf8)
    let windows = try EvaluationWindows(
      tokens: tokenizer.encode(text), contextLength: 64, beginningOfSequence: tokenizer.bosID, limit: 9)
    func evaluator(_ memory: Int) throws -> Evaluator {
      try Evaluator(running: [model], over: windows, workers: Workers(count: 2), memory: memory)
    }
    var least = 1 << 40
    while (try? evaluator(least / 2)) != nil { least /= 2 }
    let error = #expect(throws: EvaluationError.self) { try evaluator(least / 2) }
    #expect(error?.description.contains("of memory, and") == true)
    var perplexities: Set<Double> = []
    var batches: Set<Int> = []
    for memory in [Int.max, least * 3, least * 2, least] {
      let evaluator = try evaluator(memory)
      batches.insert(evaluator.batchTokens)
      perplexities.insert(try await evaluator.perplexity(of: model, over: windows).perplexity)
      #expect(model.memory(windows: evaluator.batchTokens / 64, length: 64, workers: 2) <= Double(memory))
    }
    #expect(perplexities.count == 1)
    #expect(batches.count > 1)
  }

  @Test func weightsWithoutAConfigurationAreRefused() throws {
    let folder = try TemporaryFolder()
    let file = folder.file("model.safetensors")
    try FileManager.default.copyItem(atPath: TinyLlama.file("model-00001-of-00002.safetensors"), toPath: file)
    let error = #expect(throws: (any Error).self) { try LoadedModel(running: Checkpoint(path: file)) }
    #expect("\(error.map { "\($0)" } ?? "")".contains("there is no config.json beside the weights"))
  }
}
