import Inference
import JSON
import Testing

@testable import Evaluation

@Suite struct ReportTests {
  private func comparison() throws -> Comparison {
    let text = try EvaluationWindows([[Int32]](repeating: [Int32](repeating: 0, count: 252), count: 8))
    let predictions = (0..<1000).map { index in
      let step = Double(index) / 1000
      return PairedPrediction(
        before: 2 + step, after: 2.01 + step + 0.01 * Double(index % 7), divergence: 0.001 * Double(index % 50),
        agrees: index % 40 != 0)
    }
    return Comparison(
      predictions, chunks: 8, contextLength: 252,
      places: MeasuredPlaces(predictions.map(\.divergence), WorstPlaces(), in: text))
  }

  private func report() throws -> ComparisonReport {
    ComparisonReport(
      before: MeasuredFile(name: "model-bf16", bytes: 2_200_000_000, bitsPerWeight: 16),
      after: MeasuredFile(name: "model-q4_0.gguf", bytes: 637_000_000, bitsPerWeight: 4.63),
      comparison: try comparison(),
      tensors: [
        TensorError(
          name: "model.layers.0.mlp.down_proj.weight", shape: [2048, 5632], encodingBefore: "bf16",
          encodingAfter: "q4_0", relativeSquaredError: 0.00723, squaredError: 12, largestError: 0.0412,
          cosine: 0.996381, shareOfError: 0.61),
        TensorError(
          name: "model.embed_tokens.weight", shape: [32000, 2048], encodingBefore: "bf16", encodingAfter: "q4_0",
          relativeSquaredError: 0.0071, squaredError: 8, largestError: 0.1, cosine: 0.99646, shareOfError: 0.39),
      ])
  }

  @Test func terminalTablesAreAligned() throws {
    let plain = try report().plain
    #expect(plain.hasPrefix("KL divergence"))
    #expect(plain.hasSuffix("1,000 tokens scored, in the second half of 8 chunks of 252.\n"))
    for block in plain.split(separator: "\n\n") where block.contains("share of error") || block.contains("before") {
      let lines = block.split(separator: "\n").dropFirst()
      // Right-aligned cells end where their heading ends.
      #expect(Set(lines.map(\.count)).count == 1, "\(block)")
    }
    #expect(!plain.split(separator: "\n").contains { $0.hasSuffix(" ") })
  }

  @Test func wideTablesAreFoldedIntoATerminal() throws {
    let report = try report()
    let plain = ComparisonSummary([report, report]).plain + report.plain
    for line in plain.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    #expect(plain.contains("  model.layers.0.mlp.down_proj.weight\n"), "a name that has no room has its own line")
    let words = ReportTable("", columns: ["", ""], leading: 2, rows: [["Key", String(repeating: "word ", count: 40)]])
    let lines = words.plain.split(separator: "\n")
    #expect(lines.count == 3 && lines.allSatisfy { $0.count <= 80 } && lines[1].hasPrefix("       word "), "\(lines)")
  }

  @Test func markdownHasTables() throws {
    let markdown = try report().markdown
    #expect(markdown.contains("### KL divergence"))
    #expect(markdown.contains("| --- | ---: | ---: | ---: |"))
    #expect(markdown.contains("model.embed\\_tokens.weight"))
  }

  @Test func hostileNamesStayInTheirCells() {
    let table = ReportTable("a\u{1B}[31m", columns: ["x|y", "n"], rows: [["line\nbreak", "1"]])
    #expect(!table.plain.contains("\u{1B}"))
    #expect(table.plain.split(separator: "\n").count == 3)
    #expect(table.markdown.contains("x\\|y"))
  }

  @Test func comparisonKeysStay() throws {
    let json = try report().json
    #expect(
      json.object.map { Set($0.keys) } == [
        "before", "after", "kl", "top1_agreement", "delta", "ratio", "rms_probability_change", "tokens", "chunks",
        "context", "tensors",
      ])
    #expect(
      json["after"]?.object.map { Set($0.keys) } == [
        "name", "bytes", "bits_per_weight", "perplexity", "standard_error", "nll",
      ])
    #expect(
      json["kl"]?.object.map { Set($0.keys) } == [
        "mean", "standard_error", "median", "p90", "p95", "p99", "p99_9", "max",
      ])
    #expect(json["top1_agreement"]?.double == 0.975)
    #expect(json["tokens"]?.int == 1000)
    #expect(json["tensors"]?.array?.count == 2)
    #expect(
      json["tensors"]?.array?[0].object.map { Set($0.keys) } == [
        "name", "shape", "type_before", "type_after", "relative_squared_error", "squared_error", "max_error", "cosine",
        "share_of_squared_error",
      ])
    #expect(try !json.serialized().isEmpty)
  }

  @Test func perplexityKeysStay() throws {
    let perplexity = Perplexity(nlls: [1, 2, 3, .infinity], chunks: 1, contextLength: 8)
    let report = PerplexityReport(file: MeasuredFile(name: "model"), perplexity: perplexity)
    let json = report.json
    #expect(
      json.object.map { Set($0.keys) } == [
        "name", "perplexity", "standard_error", "nll", "tokens", "chunks", "context",
      ])
    #expect(json["perplexity"]?.isNull == true)
    #expect(try !json.serialized().isEmpty)
    #expect(report.plain.contains("4 tokens scored, in the second half of 1 chunk of 8."))
  }

  @Test func tensorsAloneMakeAReport() {
    let report = ComparisonReport(
      before: MeasuredFile(name: "a", bytes: 0), after: MeasuredFile(name: "b", bytes: 10), comparison: nil)
    #expect(!report.plain.contains("KL"))
    #expect(report.json["kl"] == nil)
  }
}
