import Bytes
import Foundation
import Inference
import JSON
import TestSupport
import Testing

@testable import Evaluation

/// Parts of a measurement are, put together, what the whole is, to the last digit.
@Suite struct MeasuredPartTests {
  private let before = TableModel.random(37, seed: 5)
  private var after: TableModel { before.shaken(0.7, seed: 6) }
  private static let counts = [1, 2, 3, 7, 25]

  /// 12 windows, of which some are equal, so that places tie.
  private func text() throws -> EvaluationWindows {
    var generator = SeededGenerator(seed: 11)
    let tokens = (0..<96).map { _ in Int32.random(in: 0..<37, using: &generator) }
    return try EvaluationWindows(
      tokens: tokens + tokens, contextLength: 16, beginningOfSequence: 1)
  }

  private func passages(_ places: MeasuredPlaces?) throws -> ReportedPlaces {
    let places = try #require(places)
    return ReportedPlaces(
      histogram: places.histogram,
      worst: places.worst.map { place in
        Passage(
          window: place.window, position: place.position, value: place.value,
          tokens: place.passage.map { .init(text: "\($0.id)", value: $0.value) }, target: place.target,
          choices: place.chances.map { $0.map { .init(text: "\($0.token)", probability: $0.probability) } })
      })
  }

  private func file(_ name: String, isFirst: Bool) -> MeasuredFile {
    var details = MeasuredFile.Details(container: "gguf")
    details.digests = isFirst ? ["d0"] : []
    return MeasuredFile(name: name, bytes: 40_000, bitsPerWeight: 4.5, details: details)
  }

  private func origin(_ word: String) -> MeasurementOrigin {
    MeasurementOrigin(
      version: "1.2", command: [word], machine: .init(processor: "A", cores: 2, kernels: "v3", system: nil),
      text: .init(name: "text.txt", byteCount: 1234, digest: "x", windowsDigest: "t"))
  }

  /// Errors of tensors, of which two have one name, and some are infinite or no number.
  private let tensors: [TensorError] = [
    ("b", 0.25, 3), ("a", 0.1, 1e-9), ("same", 0.1, 0.3), ("same", 0.3, 0.1), ("none", .infinity, 1.5),
    ("nan", .nan, 0),
    ("c", 0, 0),
  ].map { name, relative, squared in
    TensorError(
      name: name, shape: [4, 8], encodingBefore: "bf16", encodingAfter: "q4_k", relativeSquaredError: relative,
      squaredError: squared, largestError: 0.5, cosine: 0.99, shareOfError: 0)
  }

  private func comparison(
    _ part: Part?, fingerprint: String = "job", after: String = "after"
  ) async throws -> ComparisonReport {
    let whole = try text()
    let text = part.map(whole.part) ?? whole
    let result = try await Evaluator(workers: Workers(count: 2), batchTokens: 48).compare(
      before: before, after: self.after, over: text)
    let errors = Array(tensors[part?.share(of: tensors.count) ?? tensors.indices])
    return ComparisonReport(
      before: file("before", isFirst: part?.number ?? 1 == 1), after: file(after, isFirst: part?.number ?? 1 == 1),
      comparison: result, places: try passages(result.places), tensors: TensorError.ranked(errors),
      origin: origin("compare"),
      part: part.map {
        MeasuredPart(
          $0, of: fingerprint, windows: whole.windows.count, result, tensors: errors, ofTotal: tensors.count)
      })
  }

  private func perplexity(_ part: Part?) async throws -> PerplexityReport {
    let whole = try text()
    let result = try await Evaluator(workers: Workers(count: 2)).perplexity(
      of: before, over: part.map(whole.part) ?? whole)
    return PerplexityReport(
      file: file("model", isFirst: part?.number ?? 1 == 1), perplexity: result, places: try passages(result.places),
      origin: origin("perplexity"), part: part.map { MeasuredPart($0, of: "job", windows: whole.windows.count, result) }
    )
  }

  private func parts(_ count: Int) throws -> [Part] {
    try (1...count).map { try #require(Part($0, of: count)) }
  }

  private func read(_ documents: [JSONValue]) throws -> ReportCollection {
    let folder = try TemporaryFolder()
    return try ReportCollection(
      files: try documents.enumerated().map { try folder.write(try $1.serialized(), to: "\($0).json") })
  }

  private func withoutParts(_ json: JSONValue) throws -> JSONValue {
    var members = try #require(json.object)
    var origin = try #require(members["origin"]?.object)
    origin["parts"] = nil
    members["origin"] = .object(origin)
    return .object(members)
  }

  @Test("Parts of a comparison are the whole, in whatever order they are named", arguments: counts)
  func comparisons(count: Int) async throws {
    var documents: [JSONValue] = []
    for part in try parts(count) { documents.append(try await comparison(part).json) }
    guard case .comparisons(let reports) = try read(documents.reversed()) else {
      throw FileError(.malformed, path: "", "of another kind")
    }
    #expect(reports.count == 1)
    // Against the whole as it is read, since JSON has no word for some of the errors.
    guard case .comparisons(let whole) = try read([try await comparison(nil).json]) else {
      throw FileError(.malformed, path: "", "of another kind")
    }
    #expect(try withoutParts(reports[0].json) == withoutParts(whole[0].json))
    #expect(reports[0].json["origin"]?["parts"] == .integer(count))
    #expect(reports[0].part == nil)
    #expect(try await reports[0].tensors.map(\.name) == comparison(nil).tensors.map(\.name))
  }

  @Test("So are those of a perplexity", arguments: counts)
  func perplexities(count: Int) async throws {
    var documents: [JSONValue] = []
    for part in try parts(count) { documents.append(try await perplexity(part).json) }
    guard case .perplexities(let reports) = try read(documents) else {
      throw FileError(.malformed, path: "", "of another kind")
    }
    #expect(reports.count == 1)
    #expect(try await withoutParts(reports[0].json) == withoutParts(perplexity(nil).json))
  }

  @Test("Several measurements, in parts and whole, are put together at once")
  func several() async throws {
    var documents: [JSONValue] = []
    for part in try parts(2) {
      let both = [
        try await comparison(part, fingerprint: "one"), try await comparison(part, fingerprint: "two", after: "b"),
      ]
      documents.append(ComparisonSummary(both).json)
    }
    let whole = try await comparison(nil, after: "c")
    guard case .comparisons(let reports) = try read([documents[1], whole.json, documents[0]]) else {
      throw FileError(.malformed, path: "", "of another kind")
    }
    #expect(reports.map(\.after.name) == ["after", "b", "c"])
    #expect(reports[0].comparison == reports[1].comparison)
  }

  @Test("What does not belong together is refused, and the file that is wrong is named")
  func refused() async throws {
    var (one, other, three) = ([JSONValue](), [JSONValue](), [JSONValue]())
    for part in try parts(3) {
      one.append(try await comparison(part).json)
      other.append(try await comparison(part, fingerprint: "other").json)
    }
    for part in try parts(2) { three.append(try await comparison(part).json) }
    for (documents, file, words) in [
      ([one[2]], "0.json", "is part 3/3, and parts 1 and 2 were not named"),
      ([one[0], one[1], one[2], one[1]], "3.json", "is part 2/3, and so is"),
      ([one[0], one[1], other[2]], "2.json", "is part 3/3 of another measurement than"),
      ([one[0], three[1]], "1.json", "is part 2/2, but"),
    ] {
      let error = try #require(#expect(throws: FileError.self) { try read(documents) })
      #expect(error.path.hasSuffix(file) && error.message.contains(words), "\(error)")
    }
  }

  @Test("A part that says what cannot be is refused; none is a trap")
  func hostile() async throws {
    let parts = try self.parts(2)
    let (first, second) = (try await comparison(parts[0]).json, try await comparison(parts[1]).json)
    func changed(_ path: [String], _ value: JSONValue?) throws -> JSONValue {
      func set(_ json: JSONValue, _ path: ArraySlice<String>) -> JSONValue {
        guard let key = path.first, var members = json.object else { return value ?? .null }
        members[key] = path.count == 1 ? value : set(members[key] ?? .null, path.dropFirst())
        return .object(members)
      }
      return set(first, path[...])
    }
    let numbers = try #require(first["part"]?["kl"]?.array)
    for (path, value) in [
      (["part", "number"], 0), (["part", "number"], 3), (["part", "number"], .number(1.5)), (["part", "count"], 0),
      (["part", "count"], 100_000), (["part", "windows"], .integer(.max)), (["part", "windows"], -1),
      (["part", "windows"], 11), (["part", "windows"], 1), (["context"], .integer(.max)), (["context"], 0),
      (["context"], 1),
      (["part", "kl"], .array(Array(numbers.dropLast()))), (["part", "kl"], .array(numbers + [1])),
      (["part", "kl"], .array(["NaN"] + numbers.dropFirst())), (["part", "kl"], .array([.null] + numbers.dropFirst())),
      (["part", "kl"], nil), (["part", "fingerprint"], 7), (["part", "fingerprint"], nil), (["kl"], nil),
      (["part"], .array([])), (["part", "tensors"], nil), (["part", "tensors", "total"], .integer(.max)),
      (["part", "tensors", "numbers"], [0, 1, 2, 2]), (["part", "tensors", "numbers"], [0, 1, 2, 4]),
      (["part", "tensors", "numbers"], []), (["part", "tensors", "squared_errors"], [1]), (["tensors"], nil),
    ] as [([String], JSONValue?)] {
      let error = #expect(throws: FileError.self, "\(path) \(String(describing: value))") {
        try read([try changed(path, value), second])
      }
      #expect(error?.path.isEmpty == false)
    }
    // Numbers that are no doubles but infinite, and nonsense of the right size, are put together into nonsense.
    _ = try read([try changed(["part", "kl"], .array(["nan"] + ["-inf"] + numbers.dropFirst(2))), second])
  }

  @Test("What a part has found is not found again, and windows count over the whole text")
  func resumed() async throws {
    let folder = try TemporaryFolder()
    let part = try text().part(#require(Part(2, of: 2)))
    #expect(part.firstNumber == 6 && part.windows.count == 6)
    let evaluator = Evaluator(workers: Workers(count: 1), batchTokens: 48)
    func record() throws -> MeasurementRecord {
      try MeasurementRecord(path: folder.file("so-far"), fingerprint: "part 2/2", interval: .seconds(1000))
    }
    let whole = try await evaluator.perplexity(of: before, over: part)
    _ = try await evaluator.perplexity(of: before, over: part, record: record())
    var reached: [Int] = []
    let again = try await evaluator.perplexity(of: before, over: part, record: record()) { reached.append($0.chunk) }
    #expect(reached == [6] && again == whole)
    #expect(again.places?.worst.allSatisfy { (6..<12).contains($0.window) } == true)
  }
}
