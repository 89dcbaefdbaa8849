internal import Benchmark
internal import BenchmarkSupport
internal import Bytes
internal import Foundation
internal import Tokenizers

/// What the repository's tests use.
private let fixtures = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  .appendingPathComponent("Tests/Fixtures").path

let benchmarks: @Sendable () -> Void = {
  Benchmark("encode the held-out text", configuration: .rate(.byteRate, seconds: 2)) { benchmark, input in
    benchmark.measure(.byteRate, count: input.text.count) { blackHole(input.tokenizer.encode(utf8: input.text)) }
  } setup: {
    (
      tokenizer: try TokenizerFolder.load(fixtures + "/TinyLlama").tokenizer,
      text: try InputFile.contents(of: fixtures + "/heldout.txt")
    )
  }
}
