import Bytes
import JSON
import TestSupport
import Testing

@testable import Evaluation

/// Reports are read again as what they were, and only such are put together as can be held against each other.
@Suite struct ReportCollectionTests {
  private func file(_ name: String, digest: String = "d0") -> MeasuredFile {
    var details = MeasuredFile.Details(container: "gguf")
    details.model = "LlamaForCausalLM"
    details.layouts = ["mlx"]
    details.types = [.init(type: "q4_k", tensors: 7, weights: 70_000, bytes: 39_375)]
    details.digests = [digest]
    details.madeBy = "1.2"
    details.recipe = ["rule": "mix", "type": "q4_k_m"]
    details.license = "apache-2.0"
    details.hubName = "org/model"
    details.baseModels = ["org/base"]
    return MeasuredFile(name: name, bytes: 40_000, bitsPerWeight: 4.5, details: details)
  }

  private func origin(text: String = "t0") -> MeasurementOrigin {
    MeasurementOrigin(
      version: "1.2", command: ["compare", "a", "b"],
      machine: .init(processor: "A processor", cores: 2, kernels: "v3", system: nil),
      text: .init(name: "text.txt", byteCount: 1234, digest: "x" + text, windowsDigest: text))
  }

  private func perplexity(_ value: Double) -> Perplexity {
    Perplexity(
      perplexity: value, standardError: 0.1, nll: 1.5, tokens: 100, chunks: 2, contextLength: 64, places: nil)
  }

  private var passage: Passage {
    Passage(
      window: 1, position: 40, value: 2.5, tokens: [.init(text: "a", value: nil), .init(text: " b\n", value: 2.5)],
      target: 1,
      choices: [[.init(text: "c", probability: 0.5)], []])
  }

  private func comparison(
    _ name: String, digest: String = "d0", text: String = "t0", hasOrigin: Bool = true
  ) -> ComparisonReport {
    ComparisonReport(
      before: file("original", digest: digest), after: file(name),
      comparison: Comparison(
        before: perplexity(9), after: perplexity(9.5),
        divergence: .init(
          mean: 0.1, standardError: 0.01, median: 0.05, p90: 0.2, p95: 0.3, p99: 0.5, p999: .nan, maximum: 2.5),
        topAgreement: 0.9, delta: .init(value: 0.5, standardError: 0.02),
        ratio: .init(value: 1.05, standardError: 0.003),
        places: nil, probabilityChange: 0.03),
      places: .init(histogram: LogHistogram([0.1, 0.2, 2.5]), worst: [passage]),
      tensors: [
        .init(
          name: "a.0.b", shape: [4, 8], encodingBefore: "bf16", encodingAfter: "q4_k", relativeSquaredError: 0.01,
          squaredError: 3, largestError: 0.5, cosine: 0.99, shareOfError: 1)
      ], origin: hasOrigin ? origin(text: text) : nil)
  }

  private func perplexityReport(_ name: String, text: String = "t0") -> PerplexityReport {
    var one = passage
    one = Passage(
      window: one.window, position: one.position, value: one.value, tokens: one.tokens, target: one.target,
      choices: [one.choices[0]])
    return PerplexityReport(
      file: file(name), perplexity: perplexity(7), places: .init(histogram: LogHistogram([1, 2]), worst: [one]),
      origin: origin(text: text))
  }

  private func read(_ documents: [JSONValue]) throws -> ReportCollection {
    let folder = try TemporaryFolder()
    return try ReportCollection(
      files: try documents.enumerated().map { try folder.write(try $1.serialized(), to: "\($0).json") })
  }

  @Test("What was printed is read as what it was, alone, in a list, and beside a job's plan")
  func again() throws {
    let (one, other) = (comparison("a").json, comparison("b").json)
    for documents in [
      [one, other], [ComparisonSummary([comparison("a"), comparison("b")]).json],
      [["verification": one, "bytes": 7], other],
    ] {
      guard case .comparisons(let reports) = try read(documents) else { throw FileError(.malformed, path: "", "kind") }
      #expect(reports.map(\.json) == [one, other])
    }
    let alone = perplexityReport("a").json
    guard case .perplexities(let reports) = try read([alone, ["perplexities": [perplexityReport("b").json]]]) else {
      throw FileError(.malformed, path: "", "kind")
    }
    #expect(reports.map(\.json) == [alone, perplexityReport("b").json])
  }

  @Test("The same report twice is one")
  func twice() throws {
    guard case .comparisons(let reports) = try read([comparison("a").json, comparison("a").json]) else { return }
    #expect(reports.count == 1)
  }

  @Test("Reports of different texts, originals and kinds are refused")
  func refused() throws {
    let first = comparison("a").json
    for (other, word) in [
      (comparison("b", text: "t1").json, "another text"), (comparison("b", digest: "d1").json, "another original"),
      (comparison("b", hasOrigin: false).json, "does not say which text"), (perplexityReport("b").json, "one model"),
      (["kl": 7], "is no report"), ("text", "is no report"), (["before": 1, "after": 2], "before"),
    ] as [(JSONValue, String)] {
      let error = #expect(throws: FileError.self) { try read([first, other]) }
      #expect(error?.description.contains(word) == true, "\(String(describing: error))")
    }
    // Alone each of them is one, whatever it leaves out.
    _ = try read([comparison("b", hasOrigin: false).json])
  }

  @Test("Every member that is missing or of another kind is named; none is a trap")
  func malformed() throws {
    func paths(_ json: JSONValue, _ path: [String]) -> [[String]] {
      switch json {
      case .object(let members): members.flatMap { [path + [$0.key]] + paths($0.value, path + [$0.key]) }
      case .array(let elements): elements.first.map { paths($0, path + ["0"]) } ?? []
      default: []
      }
    }
    func replacing(_ json: JSONValue, _ path: ArraySlice<String>, _ value: JSONValue?) -> JSONValue {
      guard let key = path.first else { return value ?? .null }
      switch json {
      case .object(var members):
        members[key] = path.count == 1 ? value : members[key].map { replacing($0, path.dropFirst(), value) }
        return .object(members)
      case .array(var elements):
        elements[0] = replacing(elements[0], path.dropFirst(), value)
        return .array(elements)
      default: return json
      }
    }
    let whole = comparison("a").json
    var refusals = 0
    for path in paths(whole, []) where !path.contains("recipe") {
      for value in [nil, .string("x"), .integer(-1), .array([.null]), .object([:]), .bool(true)] as [JSONValue?] {
        do {
          _ = try read([replacing(whole, path[...], value)])
        } catch let error as FileError {
          refusals += 1
          #expect(!error.description.isEmpty)
        }
      }
    }
    #expect(refusals > 200)
  }

  @Test("A card says what it cost, how to run it, and where it comes from, and escapes what names may say")
  func card() throws {
    let text = ModelCardSection(.comparisons([comparison("model-q4_k.gguf"), comparison("it's `here`.gguf")])).markdown
    #expect(text.contains("| model-q4\\_k.gguf | 40.0 kB | 4.500 | 0.100 |"))
    #expect(text.contains("llama-cli -m model-q4_k.gguf"))
    #expect(!text.contains("-m 'it"), "a name that would end the block of code is not put into one")
    #expect(text.contains("- Base model: [org/model](https://huggingface.co/org/model)"))
    #expect(text.contains("- Licence: apache-2.0"))
    #expect(text.contains("100 tokens scored, in the second half of 2 chunks of 64."))
  }

  @Test(
    "What is secret in an address is not told",
    arguments: [
      ("https://me:key@host/a/b?X-Amz-Signature=1#c", "https://host/a/b"), ("s3://bucket/key", "s3://bucket/key"),
      ("text?.txt", "text?.txt"), ("--type", "--type"),
    ])
  func secrets(_ word: String, _ told: String) {
    let origin = MeasurementOrigin(
      version: "1", command: [word], machine: .current,
      text: .init(name: "", byteCount: 0, digest: "", windowsDigest: ""))
    #expect(origin.command == [told])
  }
}
