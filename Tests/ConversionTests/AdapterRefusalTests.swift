import Architectures
import Bytes
import Conversion
import JSON
import Tensors
import TestSupport
import Testing

/// Adapters that do not fit are refused before anything is written, and the message names the tensor or the key.
@Suite struct AdapterRefusalTests {
  struct Case: CustomTestStringConvertible {
    let testDescription: String
    let subject: String?
    let adapter: TinyAdapter

    init(_ name: String, _ subject: String?, _ change: (inout TinyAdapter) -> Void) {
      (testDescription, self.subject, adapter) = (name, subject, TinyAdapter(change))
    }
  }

  private static let down = TinyAdapter.prefix + "lora_A.weight"
  private static let up = TinyAdapter.prefix + "lora_B.weight"

  private static func tensor(_ name: String, _ shape: [Int], _ value: Float = 0.1) -> RawTensor {
    RawTensor(name, shape: shape, values: Array(repeating: value, count: shape.reduce(1, *)))
  }

  private static let cases = [
    Case("columns of another model", down) { $0.tensors[0] = tensor(down, [2, 63]) },
    Case("rows of another model", up) { $0.tensors[1] = tensor(up, [171, 2]) },
    Case("factors of two ranks", up) { $0.tensors[1] = tensor(up, [172, 3]) },
    Case("another rank than the configuration's", down) { $0.config["r"] = 4 },
    Case("another rank than the pattern's", down) { $0.config["rank_pattern"] = ["up_proj": 8] },
    Case("a module the model has not", "base_model.model.model.layers.9.mlp.up_proj.lora_A.weight") {
      $0.tensors = ["lora_A", "lora_B"].map {
        tensor("base_model.model.model.layers.9.mlp.up_proj.\($0).weight", $0 == "lora_A" ? [2, 64] : [172, 2])
      }
    },
    Case("half a pair", "model.layers.0.mlp.up_proj") { $0.tensors.removeLast() },
    Case("the other half", "model.layers.0.mlp.up_proj") { $0.tensors.removeFirst() },
    Case("NaN", down) { $0.tensors[0] = tensor(down, [2, 64], .nan) },
    Case("infinity", up) { $0.tensors[1] = tensor(up, [172, 2], -.infinity) },
    Case("a tensor of no kind", "base_model.model.model.layers.0.mlp.up_proj.lora_C.weights") {
      $0.tensors.append(tensor("base_model.model.model.layers.0.mlp.up_proj.lora_C.weights", [2]))
    },
    Case("a vector to add a product to", "base_model.model.model.norm.lora_A.weight") {
      $0.tensors = [
        tensor("base_model.model.model.norm.lora_A.weight", [2, 64]),
        tensor("base_model.model.model.norm.lora_B.weight", [1, 2]),
      ]
    },
    Case("a saved module of another shape", "base_model.model.model.norm.weight") {
      $0.tensors.append(tensor("base_model.model.model.norm.weight", [65]))
    },
    Case("DoRA without magnitudes", down) { $0.config["use_dora"] = true },
    Case("DoRA with magnitudes of another shape", TinyAdapter.prefix + "lora_magnitude_vector") {
      $0.config["use_dora"] = true
      $0.tensors.append(tensor(TinyAdapter.prefix + "lora_magnitude_vector", [171]))
    },
    Case("a bias for the factors, where the model has none", TinyAdapter.prefix + "lora_B.bias") {
      $0.tensors.append(tensor(TinyAdapter.prefix + "lora_B.bias", [172]))
    },
    Case("a name twice", nil) { $0.tensors.append(tensor(TinyAdapter.prefix + "lora_A.default.weight", [2, 64])) },
    Case("another kind of adapter", "peft_type") { $0.config["peft_type"] = "IA3" },
    Case("a kind that is not a string", "peft_type") { $0.config["peft_type"] = 3 },
    Case("no rank", "r") { $0.config["r"] = nil },
    Case("rank 0", "r") { $0.config["r"] = 0 },
    Case("rank as a string", "r") { $0.config["r"] = "2" },
    Case("no alpha", "lora_alpha") { $0.config["lora_alpha"] = nil },
    Case("a flag as a string", "use_rslora") { $0.config["use_rslora"] = "true" },
    Case("DoRA as a number", "use_dora") { $0.config["use_dora"] = 1 },
    Case("a pattern that is none", "rank_pattern") { $0.config["rank_pattern"] = ["(": 2] },
    Case("a pattern with a string", "alpha_pattern") { $0.config["alpha_pattern"] = ["up_proj": "2"] },
    Case("an alpha beyond F32", "lora_alpha") { $0.config["lora_alpha"] = 1e39 },
    Case("a pattern with an alpha beyond F32", "alpha_pattern") { $0.config["alpha_pattern"] = ["up_proj": 1e308] },
    Case("a bias without its factor", "model.layers.0.mlp.up_proj") {
      $0.tensors = [tensor(TinyAdapter.prefix + "lora_B.bias", [172])]
    },
    Case("repeated layers", "layer_replication") { $0.config["layer_replication"] = [[0, 2]] },
    Case("trained tokens", "trainable_token_indices") { $0.config["trainable_token_indices"] = [1, 2] },
    Case("no weights at all", nil) { $0.weightsName = "something_else" },
  ]

  @Test(arguments: cases)
  func isRefused(_ wrong: Case) throws {
    let bench = try Workbench()
    let model = try bench.write(TinyCheckpoint())
    try wrong.adapter.write(to: bench.path("adapter"))
    let error = #expect(throws: FileError.self) {
      try Checkpoint(path: model).adding(Adapter(path: bench.path("adapter")))
    }
    #expect(error?.path.hasPrefix(bench.path("adapter")) == true)
    if let subject = wrong.subject { #expect(error?.subject == subject) }
  }

  @Test func theUnspoiltOneFits() throws {
    let bench = try Workbench()
    let model = try Checkpoint(path: try bench.write(TinyCheckpoint()))
    let adapter = TinyAdapter()
    try adapter.write(to: bench.path("adapter"))
    let merged = try model.adding(Adapter(path: bench.path("adapter")))
    let name = "model.layers.0.mlp.up_proj.weight"
    let base = try #require(try model.tensor(named: name)).values()
    let values = try #require(try merged.tensor(named: name)).values()
    let (down, up) = (adapter.tensors[0].values, adapter.tensors[1].values)
    for (row, column) in [(0, 0), (1, 5), (171, 63), (90, 31)] {
      let product = up[row * 2] * down[column] + up[row * 2 + 1] * down[64 + column]
      #expect(abs(values[row * 64 + column] - (base[row * 64 + column] + 2 * product)) <= 1e-6)
    }
  }

  /// PEFT trains biases along with a layer, and a bias of the second factor.
  @Test func biases() throws {
    let bench = try Workbench()
    let model = try Checkpoint(path: try bench.write(TinyCheckpoint { $0.hasBiases = true }))
    let name = "model.layers.0.mlp.up_proj.bias"
    let base = try #require(try model.tensor(named: name)).values()
    let added = (0..<172).map { Float($0) / 100 }
    func bias(_ ending: String) throws -> [Float] {
      try TinyAdapter { $0.tensors.append(RawTensor(TinyAdapter.prefix + ending, shape: [172], values: added)) }
        .write(to: bench.path(ending))
      return try #require(try model.adding(Adapter(path: bench.path(ending))).tensor(named: name)).values()
    }
    #expect(try bias("base_layer.bias") == added)
    for (found, expected) in zip(try bias("lora_B.bias"), zip(base, added).map { $0 + 2 * $1 }) {
      #expect(abs(found - expected) <= 1e-6)
    }
  }

  /// The adapter fits the model, but a layer without a bias has no place for what it adds.
  @Test func aBiasForALayerWithoutOneIsTold() throws {
    let bench = try Workbench()
    let model = try Checkpoint(path: try bench.write(TinyCheckpoint()))
    try TinyAdapter { $0.tensors.append(Self.tensor(TinyAdapter.prefix + "lora_B.bias", [172])) }
      .write(to: bench.path("adapter"))
    let error = #expect(throws: FileError.self) { try model.adding(Adapter(path: bench.path("adapter"))) }
    #expect(error?.code == .unsupported)
    #expect(error?.message.contains("a layer that has none in the model") == true)
    #expect(error?.message.contains("another model") == false)
  }

  /// A sum that leaves the range of F32 is the adapter's fault, and not that of the weight under it.
  @Test func whatOverflowsIsTheAdapter() throws {
    let bench = try Workbench()
    let model = try Checkpoint(path: try bench.write(TinyCheckpoint()))
    try TinyAdapter { $0.config["lora_alpha"] = 1e5 }.write(to: bench.path("weighted"))
    let weighted = #expect(throws: FileError.self) {
      try model.adding(Adapter(path: bench.path("weighted"), weight: 3e38))
    }
    #expect(weighted?.message.contains("use a smaller weight") == true)
    try TinyAdapter {
      $0.config["lora_alpha"] = 3e38
      $0.tensors = [Self.tensor(Self.down, [2, 64], 3), Self.tensor(Self.up, [172, 2], 3)]
    }.write(to: bench.path("large"))
    let merged = try model.adding(Adapter(path: bench.path("large")))
    let error = #expect(throws: FileError.self) {
      _ = try merged.tensor(named: "model.layers.0.mlp.up_proj.weight")?.values()
    }
    #expect(error?.path == bench.path("large") && error?.subject == Self.up)
  }

  @Test(arguments: ["adapter", "adapter/adapter_config.json"])
  func noAdapterThere(_ name: String) throws {
    let bench = try Workbench()
    let error = #expect(throws: FileError.self) { try Adapter(path: bench.path(name)) }
    #expect(error?.code == .missing)
  }
}
