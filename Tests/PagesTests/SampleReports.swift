import Evaluation
import JSON
import TestSupport

/// Reports as `compare --json` prints them, made up.
enum SampleReports {
  static let hostile = [
    "</script><script>alert(1)</script>", "\"\u{301} onmouseover=\"alert(1)", "'\u{20E4}><img src=x onerror=alert(1)>",
    "{{{script}}}{{>page}}", "<!--", "]]>", "&lt;b&gt;", "\u{202E}gnp.exe", "a\u{1B}[31mb", "model\n# heading",
    "javascript:alert(1)",
  ]

  /// A comparison with `layers` layers of two tensors.
  static func comparison(_ number: Int, layers: Int = 3, name: String? = nil, seed: UInt64 = 1) -> JSONValue {
    var generator = SeededGenerator(seed: seed &+ UInt64(number) &* 977)
    func random(_ range: ClosedRange<Double>) -> JSONValue { .number(Double.random(in: range, using: &generator)) }
    let name = name ?? "model-q\(number)_k.gguf"
    func file(_ name: String, bytes: Int) -> [String: JSONValue] {
      [
        "name": .string(name), "bytes": .integer(bytes), "bits_per_weight": .number(Double(bytes) / 125e6),
        "perplexity": random(5...9), "standard_error": random(0.01...0.1), "nll": random(1...2),
        "container": "gguf", "model": .string(name), "license": .string(name), "hub_name": .string(name),
        "base_models": [.string(name)], "made_by": "1.2.3", "xxh3_128": [.string("0123456789abcdef")],
        "recipe": ["rule": .string(name), "overrides": 17],
        "types": [["type": .string(name), "tensors": 21, "weights": 1_234_567, "bytes": 765_432]],
      ]
    }
    let before = file("original", bytes: 2_000_000_000)
    let passage = (0..<9).map { place -> JSONValue in
      place == 5
        ? ["text": .string(name), "kl": random(0...3), "target": true]
        : place < 3 ? ["text": " early\n"] : ["text": .string("\(name) "), "kl": random(0...1)]
    }
    let choices: JSONValue = [
      ["text": .string(name), "probability": random(0...1)], ["text": "b", "probability": random(0...1)],
    ]
    let tensors = (0..<layers).flatMap { layer in
      ["self_attn.q_proj", "mlp.down_proj"].map { module -> JSONValue in
        [
          "name": .string("model.layers.\(layer).\(module).weight"), "shape": [64, 33], "type_before": "bf16",
          "type_after": .string(name), "relative_squared_error": random(1e-6...0.1), "squared_error": random(0...9),
          "max_error": random(0...1), "cosine": random(0.9...1), "share_of_squared_error": random(0...1),
        ]
      }
    }
    let embedding: JSONValue = [
      "name": .string(name), "shape": [77, 64], "type_before": "bf16", "type_after": "bf16",
      "relative_squared_error": 0, "squared_error": 0, "max_error": 0, "cosine": 1, "share_of_squared_error": 0,
    ]
    return [
      "before": .object(before), "after": .object(file(name, bytes: 300_000_000 + number * 50_000_000)),
      "kl": [
        "mean": random(0.001...0.3), "standard_error": random(0.0001...0.01), "median": random(0.001...0.01),
        "p90": random(0.01...0.1), "p95": random(0.1...0.2), "p99": random(0.2...0.5), "p99_9": random(0.5...1),
        "max": random(1...4),
      ],
      "top1_agreement": random(0.7...1), "rms_probability_change": random(0...0.1),
      "delta": ["value": random(-0.1...1), "standard_error": random(0.001...0.1)],
      "ratio": ["value": random(0.9...1.2), "standard_error": random(0.001...0.1)], "tokens": 9999, "chunks": 11,
      "context": 512,
      "kl_histogram": [
        ["from": 0, "to": 1e-8, "count": 3], ["from": 0.001, "to": 0.0017782794100389228, "count": 8000],
        ["from": 1, "to": 1.7782794100389228, "count": 12],
      ],
      "worst": [
        [
          "window": 4, "position": 301, "kl": random(1...4), "passage": .array(passage), "before": choices,
          "after": choices,
        ]
      ],
      "tensors": .array(tensors + [embedding]),
      "origin": [
        "version": "1.2.3", "command": ["compare", .string(name)],
        "machine": ["processor": .string(name), "cores": 7, "kernels": "v3", "system": .string(name)],
        "text": [
          "name": .string("text of \(name)"), "bytes": 123_456, "xxh3_128": "aa00", "windows_xxh3_128": "bb11",
        ],
      ],
    ]
  }

  static func perplexity(_ number: Int) -> JSONValue {
    let comparison = comparison(number)
    var members = comparison["after"]?.object ?? [:]
    for key in ["tokens", "chunks", "context", "origin"] { members[key] = comparison[key] }
    members["nll_histogram"] = comparison["kl_histogram"]
    members["worst"] = [
      [
        "window": 4, "position": 301, "nll": 7.25,
        "passage": [["text": "a"], ["text": "b", "nll": 7.25, "target": true]],
        "predicted": [["text": "c", "probability": 0.625]],
      ]
    ]
    return .object(members)
  }

  static func collection(_ documents: [JSONValue]) throws -> ReportCollection {
    let folder = try TemporaryFolder()
    let paths = try documents.enumerated().map { number, document in
      try folder.write(try document.serialized(), to: "\(number).json")
    }
    return try ReportCollection(files: paths)
  }
}
