import Bytes
import Foundation
import Inference
import TestSupport
import Testing

@testable import Evaluation

@Suite struct EvaluatorTests {
  let model = TableModel.random(37, seed: 5)

  /// A text of random tokens in windows of 16.
  func text(tokens: Int = 333, limit: Int? = nil) throws -> EvaluationWindows {
    var generator = SeededGenerator(seed: 11)
    return try EvaluationWindows(
      tokens: (0..<tokens).map { _ in Int32.random(in: 0..<37, using: &generator) }, contextLength: 16,
      beginningOfSequence: 1, limit: limit)
  }

  /// Log-probabilities after a token, in Double.
  func logProbabilities(_ model: TableModel, _ token: Int32) -> [Double] {
    let row = model.table[Int(token)].map(Double.init)
    let greatest = row.max() ?? 0
    let total = log(row.reduce(0) { $0 + exp($1 - greatest) })
    return row.map { $0 - greatest - total }
  }

  @Test func perplexityFollowsTheProtocol() async throws {
    let text = try text()
    #expect(text.windows.count == 20)
    var nlls: [Double] = []
    for window in text.windows {
      for position in 8...14 { nlls.append(-logProbabilities(model, window[position])[Int(window[position + 1])]) }
    }
    let count = Double(nlls.count)
    let mean = nlls.reduce(0, +) / count
    let squares = nlls.reduce(0) { $0 + $1 * $1 } / count

    let result = try await Evaluator(workers: Workers(count: 2)).perplexity(of: model, over: text)
    #expect(result.tokens == 20 * 7 && result.chunks == 20 && result.contextLength == 16)
    #expect(abs(result.nll - mean) < 1e-6)
    #expect(abs(result.perplexity - exp(mean)) < 1e-5)
    let error = ((squares - mean * mean) / (count - 1)).squareRoot() * exp(mean)
    #expect(abs(result.standardError - error) < 1e-5)
  }

  @Test func settingsDoNotChangeTheResult() async throws {
    let text = try text()
    var results: Set<Perplexity> = []
    for workers in [1, 3] {
      for batchTokens in [1, 50, 10_000] {
        for bytes in [1, 1000, 1 << 20] {
          let evaluator = Evaluator(
            workers: Workers(count: workers), batchTokens: batchTokens, pieceByteCount: bytes)
          results.insert(try await evaluator.perplexity(of: model, over: text))
        }
      }
    }
    #expect(results.count == 1)
  }

  @Test func progressCountsChunks() async throws {
    var seen: [Evaluator.Progress] = []
    let result = try await Evaluator(workers: Workers(count: 2), batchTokens: 48).perplexity(
      of: model, over: text(limit: 8)
    ) { seen.append($0) }
    #expect(seen.map(\.chunk) == [3, 6, 8])
    #expect(seen.allSatisfy { $0.chunks == 8 && $0.divergence == nil })
    #expect(seen.last?.perplexity == result.perplexity)
  }

  @Test func aModelAgainstItselfHasNoDivergence() async throws {
    let comparison = try await Evaluator(workers: Workers(count: 2)).compare(
      before: model, after: model, over: text())
    #expect(comparison.divergence.mean == 0)
    #expect(comparison.divergence.maximum == 0)
    #expect(comparison.divergence.standardError == 0)
    #expect(comparison.topAgreement == 1)
    #expect(comparison.probabilityChange == 0)
    #expect(comparison.delta.value == 0 && comparison.delta.standardError == 0)
    #expect(comparison.ratio.value == 1 && comparison.ratio.standardError == 0)
    #expect(comparison.before == comparison.after)
  }

  @Test(arguments: [0.001, 0.3, 3] as [Float]) func comparisonFollowsTheFormulas(_ amount: Float) async throws {
    let text = try text()
    let other = model.shaken(amount, seed: 3)
    var divergences: [Double] = []
    var changes: [Double] = []
    var before: [Double] = []
    var after: [Double] = []
    var agreements = 0
    for window in text.windows {
      for position in 8...14 {
        let one = logProbabilities(model, window[position])
        let two = logProbabilities(other, window[position])
        divergences.append(zip(one, two).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) })
        let target = Int(window[position + 1])
        changes.append(exp(two[target]) - exp(one[target]))
        before.append(-one[target])
        after.append(-two[target])
        agreements += one.firstIndex(of: one.max()!) == two.firstIndex(of: two.max()!) ? 1 : 0
      }
    }
    let count = Double(before.count)
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / count }
    func covariance(_ a: [Double], _ b: [Double]) -> Double {
      (mean(zip(a, b).map(*)) - mean(a) * mean(b)) / (count - 1)
    }
    let comparison = try await Evaluator(workers: Workers(count: 2)).compare(before: model, after: other, over: text)
    #expect(abs(comparison.divergence.mean - mean(divergences)) < 1e-12 + 1e-9 * mean(divergences))
    #expect(abs(comparison.divergence.maximum - divergences.max()!) < 1e-9)
    #expect(abs(comparison.divergence.median - Percentiles(divergences)[50]) < 1e-9)
    #expect(abs(comparison.divergence.standardError - covariance(divergences, divergences).squareRoot()) < 1e-9)
    #expect(comparison.topAgreement == Double(agreements) / count)
    #expect(abs(comparison.probabilityChange - mean(changes.map { $0 * $0 }).squareRoot()) < 1e-7)

    let (one, two) = (exp(mean(before)), exp(mean(after)))
    #expect(abs(comparison.delta.value - (two - one)) < 1e-5)
    #expect(abs(comparison.ratio.value - two / one) < 1e-6)
    let (u, v, both) = (covariance(before, before), covariance(after, after), covariance(before, after))
    #expect(abs(comparison.ratio.standardError - two / one * (u + v - 2 * both).squareRoot()) < 1e-6)
    let change = one * one * u + two * two * v - 2 * one * two * both
    #expect(abs(comparison.delta.standardError - change.squareRoot()) < 1e-5)
  }

  @Test func differentVocabulariesAreRefused() async throws {
    let text = try text()
    await #expect(throws: EvaluationError.vocabulariesDiffer(before: 37, after: 38)) {
      try await Evaluator().compare(before: model, after: TableModel.random(38, seed: 1), over: text)
    }
  }

  @Test func aForeignTokenIsAnError() async throws {
    let text = try EvaluationWindows(tokens: Array(repeating: 37, count: 40), contextLength: 8, beginningOfSequence: 1)
    await #expect(throws: EvaluationError.tokenOutsideVocabulary(token: 37, vocabularySize: 37)) {
      try await Evaluator().perplexity(of: model, over: text)
    }
  }

  @Test(arguments: [Float.nan, .infinity]) func damagedLogitsAreAnError(_ value: Float) async throws {
    var table = model.table
    for row in table.indices { table[row][20] = value }
    let damaged = TableModel(table: table)
    let text = try text()
    await #expect(throws: EvaluationError.notFinite(model: "model", chunk: 0, position: 8)) {
      try await Evaluator(workers: Workers(count: 1)).perplexity(of: damaged, over: text)
    }
    await #expect(throws: EvaluationError.notFinite(model: "model after", chunk: 0, position: 8)) {
      try await Evaluator(workers: Workers(count: 1)).compare(before: model, after: damaged, over: text)
    }
  }
}
