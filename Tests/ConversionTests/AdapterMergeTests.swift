import Architectures
import Bytes
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// LoRA adapters merged on the way, against what PEFT's `merge_and_unload` makes of them in F32.
@Suite struct AdapterMergeTests {
  private static let adapters = ["plain", "rslora-patterns", "dora", "full"]

  private func merged(_ adapter: String, weight: Float = 1) throws -> Checkpoint {
    try Checkpoint(path: TinyLlama.path).adding(Adapter(path: TinyLlama.adapter(adapter), weight: weight))
  }

  @Test(arguments: adapters)
  func tensorsAreThoseThatPEFTMakes(_ adapter: String) throws {
    let checkpoint = try merged(adapter)
    let expected = try #require(try TinyLlama.expected(adapter)["tensors"]?.array)
    let base = try Checkpoint(path: TinyLlama.path)
    let derivations = Dictionary(uniqueKeysWithValues: base.tensors.map { ($0.name, $0.derivation) })
    let changed = checkpoint.tensors.filter { $0.derivation != derivations[$0.name] }.map(\.name)
    #expect(changed.sorted() == expected.compactMap { $0["name"]?.string }.sorted())

    for tensor in expected {
      let name = try #require(tensor["name"]?.string)
      let values = try #require(try checkpoint.tensor(named: name)).values()
      let scale = values.map(abs).max() ?? 0
      let sum = values.reduce(0.0) { $0 + Double($1) }
      let squares = values.reduce(0.0) { $0 + Double($1) * Double($1) }
      let (wantedSum, wantedSquares) = try (
        #require(tensor["sum"]?.double), #require(tensor["sum_of_squares"]?.double)
      )
      #expect(abs(sum - wantedSum) <= 1e-8 * Double(scale) * Double(values.count) + 1e-6 * abs(wantedSum), "\(name)")
      #expect(abs(squares - wantedSquares) <= 1e-6 * wantedSquares, "\(name)")
      for probe in try #require(tensor["probes"]?.array) {
        let (index, value) = try (#require(probe["index"]?.int), #require(probe["value"]?.double))
        #expect(abs(Double(values[index]) - value) <= 3e-7 * Double(scale), "\(name)[\(index)]")
      }
    }
  }

  /// Whether they are encoded anew or, where the adapter replaces them, copied.
  @Test(arguments: adapters, ["f32", nil])
  func theReportSaysHowMuchEachTensorMoved(_ adapter: String, _ type: String?) async throws {
    let bench = try Workbench()
    let plan = try Plan(
      converting: try merged(adapter), to: Destination(path: bench.path("out")),
      recipe: Recipe(try type.map { .elements(try TargetType.quantizing($0)) } ?? .keep))
    let movements = try await plan.pour().movements
    let expected = try #require(try TinyLlama.expected(adapter)["tensors"]?.array)
    #expect(movements.map(\.name).sorted() == expected.compactMap { $0["name"]?.string }.sorted())
    for tensor in expected {
      let movement = movements.first { .string($0.name) == tensor["name"] }
      let change = try #require(tensor["relative_change"]?.double)
      #expect(abs((movement?.relativeChange ?? 0) - change) <= 1e-5 * change, "\(tensor["name"] ?? "")")
    }
  }

  @Test(arguments: adapters, ["q8_0", "q4_0"])
  func mergingIntoATypeIsMergingAndThenQuantizing(_ adapter: String, _ type: String) async throws {
    let bench = try Workbench()
    let f32 = Recipe(.elements(try TargetType.quantizing("f32")))
    let wide = try await bench.convert(try merged(adapter), to: "wide", f32)
    let recipe = Recipe(try .quantizing(type))
    let inTwo = try await bench.convert(wide, to: "two.gguf", recipe)
    let inOne = try await bench.convert(try merged(adapter), to: "one.gguf", recipe)
    #expect(
      try Workbench.ggufTensors(at: inOne).mapValues(\.bytes) == Workbench.ggufTensors(at: inTwo).mapValues(\.bytes))
  }

  /// The base may be a GGUF, whose rows of q and k are in another order.
  @Test(arguments: adapters)
  func aGGUFIsMergedAsTheFolderIs(_ adapter: String) async throws {
    let bench = try Workbench()
    let gguf = try await bench.convert(TinyLlama.path, to: "base.gguf")
    let adapted = try Checkpoint(path: gguf).adding(Adapter(path: TinyLlama.adapter(adapter)))
    let expected = try merged(adapter)
    for tensor in expected.tensors {
      #expect(
        try adapted.tensor(named: tensor.name)?.values() == expected.tensor(named: tensor.name)?.values(),
        "\(tensor.name)")
    }
    let recipe = Recipe(try .quantizing("q8_0"))
    #expect(
      try Workbench.ggufTensors(at: await bench.convert(adapted, to: "a.gguf", recipe)).mapValues(\.bytes)
        == Workbench.ggufTensors(at: await bench.convert(expected, to: "b.gguf", recipe)).mapValues(\.bytes))
  }

  /// What an adapter changed has its own type on the way back from a GGUF, not the model's narrower one.
  @Test func mergedNormsAreNotNarrowedOnTheWayBack() async throws {
    let bench = try Workbench()
    let f32 = Recipe(.elements(try TargetType.quantizing("f32")))
    let gguf = try await bench.convert(try merged("full"), to: "m.gguf", f32)
    let back = try Workbench.tensors(at: try await bench.convert(gguf, to: "back"))
    let norm = try #require(try merged("full").tensor(named: "model.norm.weight"))
    #expect(back["model.norm.weight"]?.values == (try norm.values()))
  }

  /// Of several patterns that match a module the first in the file counts, as in PEFT.
  @Test(
    arguments: [(#"{"up_proj": 6, "mlp.up_proj": 20}"#, 3), (#"{"mlp.up_proj": 20, "up_proj": 6}"#, 10)]
      as [(String, Float)])
  func theFirstPatternThatMatchesCounts(_ pattern: String, _ scale: Float) throws {
    let bench = try Workbench()
    let folder = bench.path("adapter")
    try TinyAdapter().write(to: folder)
    let config = #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "alpha_pattern": \#(pattern)}"#
    try Data(config.utf8).write(to: URL(fileURLWithPath: folder + "/adapter_config.json"))
    let model = try Checkpoint(path: try bench.write(TinyCheckpoint())).adding(Adapter(path: folder))
    let merged = model.tensors.first { $0.name == "model.layers.0.mlp.up_proj.weight" }
    guard case .made(let update as LowRankAddition, _)? = merged?.derivation else {
      Issue.record("nothing is added to the module")
      return
    }
    #expect(update.scale == scale)
  }

  // MARK: - Weights, several adapters

  private static let module = "model.layers.0.self_attn.q_proj.weight"

  @Test(arguments: [0, 0.5, -1, 2] as [Float])
  func aWeightMultipliesTheChange(_ weight: Float) throws {
    let base = try #require(try Checkpoint(path: TinyLlama.path).tensor(named: Self.module)).values()
    let full = try #require(try merged("plain").tensor(named: Self.module)).values()
    let part = try #require(try merged("plain", weight: weight).tensor(named: Self.module)).values()
    for index in base.indices {
      #expect(abs((base[index] + weight * (full[index] - base[index])) - part[index]) <= 1e-6)
    }
    if weight == 0 { #expect(part == base) }
  }

  @Test(arguments: ["dora", "full"])
  func whatReplacesHasNoWeight(_ adapter: String) {
    let error = #expect(throws: FileError.self) { try merged(adapter, weight: 0.5) }
    #expect(error?.message.contains("weight") == true)
  }

  @Test func twoAdaptersAdd() throws {
    let (one, other) = (TinyLlama.adapter("plain"), TinyLlama.adapter("rslora-patterns"))
    let base = try Checkpoint(path: TinyLlama.path)
    let both = try base.adding(Adapter(path: one)).adding(Adapter(path: other))
    #expect(both.adapters.count == 2)
    let values = try [base, base.adding(Adapter(path: one)), base.adding(Adapter(path: other)), both].map {
      try #require(try $0.tensor(named: Self.module)).values()
    }
    for index in values[0].indices {
      let sum = values[1][index] + values[2][index] - values[0][index]
      #expect(abs(sum - values[3][index]) <= 1e-6)
    }
  }
}
