import Architectures
import Bytes
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// Adapters of mlx-lm, against what mlx_lm.fuse makes of them in F32 (`make_mlx_adapters.py`).
@Suite struct MLXAdapterTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures/MLXAdapters").path

  @Test(arguments: ["lora", "dora", "embedding", "full"])
  func tensorsAreThoseThatFuseMakes(_ name: String) throws {
    let base = try Checkpoint(path: TinyLlama.path)
    let merged = try base.adding(Adapter(path: "\(Self.folder)/\(name)"))
    let document = try JSONValue(parsing: try Workbench.bytes("\(Self.folder)/\(name)/expected.json"))
    let expected = try #require(document["tensors"]?.array)
    let before = Dictionary(uniqueKeysWithValues: base.tensors.map { ($0.name, $0.derivation) })
    #expect(
      merged.tensors.filter { $0.derivation != before[$0.name] }.map(\.name).sorted()
        == expected.compactMap { $0["name"]?.string }.sorted())
    // What changes the embedding changes the head that is tied to it.
    #expect(merged.tensors.count == base.tensors.count && merged.model?.tiesHead == base.model?.tiesHead)
    for tensor in expected {
      let name = try #require(tensor["name"]?.string)
      let values = try #require(try merged.tensor(named: name)).values()
      let largest = Double(values.map(abs).max() ?? 0)
      let sum = values.reduce(0.0) { $0 + Double($1) }
      let squares = values.reduce(0.0) { $0 + Double($1) * Double($1) }
      #expect(abs(sum - (tensor["sum"]?.double ?? .nan)) <= 1e-7 * largest * Double(values.count), "\(name)")
      #expect(abs(squares / (tensor["sum_of_squares"]?.double ?? .nan) - 1) <= 1e-6, "\(name)")
      for probe in try #require(tensor["probes"]?.array) {
        let (index, value) = try (#require(probe["index"]?.int), #require(probe["value"]?.double))
        #expect(abs(Double(values[index]) - value) <= 4e-7 * largest, "\(name)[\(index)]")
      }
    }
  }

  /// A GGUF of it is merged as it is.
  @Test(arguments: ["lora", "embedding"])
  func becomesAGGUF(_ name: String) async throws {
    let bench = try Workbench()
    let path = bench.path("a.gguf")
    let adapter = try Adapter(path: "\(Self.folder)/\(name)")
    try await Plan(
      converting: adapter, of: AdapterBase(path: TinyLlama.path), to: Destination(path: path), type: nil, name: nil
    ).pour(workers: 2)
    let base = try Checkpoint(path: TinyLlama.path)
    let (found, expected) = (try base.adding(Adapter(path: path)), try base.adding(adapter))
    for tensor in expected.tensors {
      #expect(
        try found.tensor(named: tensor.name)?.values() == expected.tensor(named: tensor.name)?.values(),
        "\(tensor.name)")
    }
  }

  @Test(arguments: [("dora", "use_dora"), ("full", "trained whole")])
  func whatAGGUFCannotSayIsRefused(_ name: String, _ part: String) throws {
    let bench = try Workbench()
    let error = #expect(throws: FileError.self) {
      try Plan(
        converting: Adapter(path: "\(Self.folder)/\(name)"), of: AdapterBase(path: TinyLlama.path),
        to: Destination(path: bench.path("a.gguf")), type: nil, name: nil)
    }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: ["dora", "full"])
  func whatReplacesHasNoWeight(_ name: String) {
    let error = #expect(throws: FileError.self) {
      try Checkpoint(path: TinyLlama.path).adding(Adapter(path: "\(Self.folder)/\(name)", weight: 0.5))
    }
    #expect(error?.message.contains("weight") == true)
  }

  @Test func aSummaryTellsWhatItIs() throws {
    let lora = try AdapterSummary(path: "\(Self.folder)/lora")
    #expect(lora.spelling == "MLX" && lora.kind == "LORA" && lora.obstacle == nil && lora.baseModel == "TinyLlama")
    #expect(lora.ranks == [4] && lora.scales == [2.5] && !lora.usesDoRA)
    #expect(lora.modules.map(\.name) == ["down_proj", "q_proj", "v_proj"])
    #expect(try AdapterSummary(path: "\(Self.folder)/dora").usesDoRA)
    let full = try AdapterSummary(path: "\(Self.folder)/full")
    #expect(full.kind == "FULL" && full.wholeParameters.contains { $0.hasSuffix("k_proj.weight") })
  }

  // MARK: - Settings

  @Test(
    arguments: [
      (#"{"fine_tune_type": "lora", "lora_parameters": {"rank": 8, "scale": 20.0, "dropout": 0}}"#, 20, false),
      // Files of old versions have alpha beside it, and layers under another name.
      (#"{"lora_layers": 2, "lora_parameters": {"rank": 8, "alpha": 16, "scale": 2.0}, "use_dora": false}"#, 2, false),
      (#"{"lora_parameters": {"rank": 8, "scale": 0.1, "keys": ["mlp.up_proj"]}, "use_dora": true}"#, 0.1, true),
      (#"{"fine_tune_type": "dora", "lora_parameters": {"rank": 3, "scale": 0.3}}"#, 0.3, true),
    ] as [(String, Float, Bool)])
  func settingsAreRead(_ json: String, _ scale: Float, _ usesDoRA: Bool) throws {
    let config = try AdapterConfig(mlx: Array(json.utf8), path: "adapter_config.json")
    let settings = try #require(config.settings(of: ["m"])["m"])
    #expect(config.scale(settings, rank: try config.rank(settings)) == scale && config.usesDoRA == usesDoRA)
  }

  @Test(
    arguments: [
      (#"{"fine_tune_type": "vera", "lora_parameters": {"rank": 8, "scale": 1}}"#, "fine_tune_type"),
      (#"{"fine_tune_type": 3}"#, "fine_tune_type"), (#"{"fine_tune_type": "lora"}"#, "lora_parameters"),
      (#"{"fine_tune_type": "lora", "lora_parameters": {"rank": 0, "scale": 1}}"#, "rank"),
      (#"{"fine_tune_type": "lora", "lora_parameters": {"rank": 8}}"#, "scale"),
      (#"{"fine_tune_type": "lora", "lora_parameters": {"rank": 8, "scale": 1e300}}"#, "scale"),
      (#"{"fine_tune_type": "lora", "lora_parameters": {"rank": 8, "scale": 1, "rslora": true}}"#, "rslora"),
      ("[]", "object"), ("{", "adapter_config.json"),
    ])
  func settingsAreRefused(_ json: String, _ part: String) {
    let error = #expect(throws: FileError.self) {
      try AdapterConfig(mlx: Array(json.utf8), path: "adapter_config.json")
    }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
  }

  // MARK: - Hostile files

  @Test(
    arguments: [
      ("rank", "rank"), ("partner", "only one of the factors"), ("module", "no tensor"), ("shape", "shape"),
      ("name", "not part of"), ("magnitude", "no magnitude"),
    ])
  func hostileFolders(_ fault: String, _ part: String) throws {
    let bench = try Workbench()
    var random = SeededGenerator(seed: 5)
    let module = fault == "module" ? "model.layers.9.mlp.up_proj" : "model.layers.0.mlp.up_proj"
    let rank = fault == "rank" ? 3 : 2
    let inner = fault == "shape" ? 63 : 64
    var tensors = [
      RawTensor("\(module).lora_a", shape: [inner, rank], values: random.normals(inner * rank, deviation: 0.1)),
      RawTensor("\(module).lora_b", shape: [rank, 172], values: random.normals(172 * rank, deviation: 0.1)),
    ]
    if fault == "partner" { tensors.removeLast() }
    if fault == "name" { tensors.append(RawTensor("\(module).lora_c", shape: [1], values: [1])) }
    let path = bench.path("adapter")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try Data(RawSafetensors.bytes(of: tensors)).write(to: URL(fileURLWithPath: path + "/adapters.safetensors"))
    let kind = fault == "magnitude" ? "dora" : "lora"
    try Data(#"{"fine_tune_type": "\#(kind)", "lora_parameters": {"rank": 2, "scale": 2}}"#.utf8).write(
      to: URL(fileURLWithPath: path + "/adapter_config.json"))
    let base = try Checkpoint(path: try bench.write(TinyCheckpoint()))
    let error = #expect(throws: FileError.self) { try base.adding(Adapter(path: path)) }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
  }

  /// The files that programs in use have written.
  @Test(
    .enabled(if: SharedData.isThere, Comment(rawValue: SharedData.absence)),
    arguments: ["mlx-lm-test-dpo", "ollama-discollama-mlx"])
  func publishedAdaptersAreRead(_ name: String) throws {
    let adapter = try Adapter(path: SharedData.path("lora/\(name)"))
    #expect(
      adapter.spelling == .mlx && adapter.modules.count == 4 && adapter.modules.values.allSatisfy { $0.count == 2 })
  }
}
