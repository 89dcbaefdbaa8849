import Architectures
import Bytes
import Foundation
import GGUF
import JSON
import Quantization
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// Adapters as GGUFs: written as llama.cpp's convert_lora_to_gguf.py does (`make_gguf_adapters.py`), and merged as the
/// adapters they were made from.
@Suite struct GGUFAdapterTests {
  private static let fixtures = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures").path

  private static let folder = fixtures + "/GGUFAdapters"

  /// Those with a fixture among the families.
  private static let classes: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let classes = names.filter { $0.hasSuffix("ForCausalLM") }.sorted()
    precondition(classes.count > 15, "no fixtures in \(folder)")
    return classes
  }()

  private static func base(_ name: String) -> String { "\(fixtures)/Families/\(name)-plain" }

  /// Writes an adapter, and gives the path.
  private func write(
    _ adapter: String, for base: String, _ bench: Workbench, type: String? = nil, name: String? = nil
  ) async throws -> String {
    let path = bench.path("adapter.gguf")
    try await Plan(
      converting: try Adapter(path: adapter), of: try AdapterBase(path: base), to: Destination(path: path),
      type: try type.map { try TargetType.quantizing($0) }, name: name
    ).pour(workers: 2)
    return path
  }

  // MARK: - Writing

  @Test(arguments: classes)
  func isWrittenAsTheConverterDoes(_ name: String) async throws {
    let bench = try Workbench()
    let path = try await write("\(Self.folder)/\(name)", for: Self.base(name), bench, name: name)
    #expect(try Workbench.bytes(path) == Workbench.bytes("\(Self.folder)/\(name)/adapter.gguf"))
  }

  @Test(arguments: ["f32", "f16", "bf16", "q8_0"])
  func isWrittenInEveryTypeOfTheConverter(_ type: String) async throws {
    let bench = try Workbench()
    let path = try await write(TinyLlama.adapter("plain"), for: TinyLlama.path, bench, type: type, name: "Plain")
    #expect(try Workbench.bytes(path) == Workbench.bytes("\(Self.folder)/plain-\(type).gguf"))
  }

  /// A card says what it says of a model, and where it has no name the caller does.
  @Test func aCardIsToldAsTheConverterDoes() async throws {
    let bench = try Workbench()
    let path = try await write("\(Self.folder)/carded", for: TinyLlama.path, bench, name: "Carded")
    #expect(try Workbench.bytes(path) == Workbench.bytes("\(Self.folder)/carded/adapter.gguf"))
    #expect(try GGUFFile(path: path).metadata["general.base_model.0.organization"]?.string == "Stories")
  }

  /// The model may be a GGUF, or its config.json alone.
  @Test func theBaseIsAnyModelThatIsKnown() async throws {
    let bench = try Workbench()
    let gguf = try await bench.convert(TinyLlama.path, to: "base.gguf")
    try FileManager.default.createDirectory(atPath: bench.path("config"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: TinyLlama.file("config.json"), toPath: bench.path("config/config.json"))
    for base in [gguf, bench.path("config")] {
      let inner = try Workbench()
      let path = try await write(TinyLlama.adapter("plain"), for: base, inner, name: "Plain")
      #expect(try Workbench.bytes(path) == Workbench.bytes("\(Self.folder)/plain-f32.gguf"))
    }
  }

  /// GPT-2 stores `[in, out]`, its GGUF and PEFT's factors do not: the factors of a layer are the same in both.
  @Test func layersThatAreStoredTransposed() async throws {
    let bench = try Workbench()
    let adapter = bench.path("adapter")
    var random = SeededGenerator(seed: 4)
    let (down, up) = (random.normals(48, deviation: 0.1), random.normals(144, deviation: 0.1))
    try TinyAdapter {
      $0.tensors = [
        RawTensor("base_model.model.transformer.h.1.attn.c_attn.lora_A.weight", shape: [2, 24], values: down),
        RawTensor("base_model.model.transformer.h.1.attn.c_attn.lora_B.weight", shape: [72, 2], values: up),
      ]
    }.write(to: adapter)
    let base = Self.base("GPT2LMHeadModel")
    let gguf = try await write(adapter, for: base, bench)
    let written = try Workbench.ggufTensors(at: gguf)
    #expect(written["blk.1.attn_qkv.weight.lora_a"]?.bytes == RawTensor("", shape: [2, 24], values: down).bytes)
    #expect(written["blk.1.attn_qkv.weight.lora_b"]?.bytes == RawTensor("", shape: [72, 2], values: up).bytes)
    try expectSame(gguf, as: adapter, on: Checkpoint(path: base))
  }

  // MARK: - Alpha

  /// One alpha, whatever the ranks.
  @Test func ranksMayDiffer() async throws {
    let bench = try Workbench()
    let adapter = bench.path("adapter")
    try Self.twoModules([:], ["v_proj": 4], rank: 4).write(to: adapter)
    let base = try bench.write(TinyCheckpoint())
    let gguf = try await write(adapter, for: base, bench)
    #expect(try GGUFFile(path: gguf).metadata["adapter.lora.alpha"] == .float32(4))
    try expectSame(gguf, as: adapter, on: Checkpoint(path: base))
  }

  /// A power of two goes into the factor without a loss; of others the file has no way to say them.
  @Test(arguments: [8, 1, 0.5, -4])
  func powersOfTwoGoIntoTheFactors(_ alpha: Double) async throws {
    let bench = try Workbench()
    let adapter = bench.path("adapter")
    try Self.twoModules(["v_proj": .number(alpha)]).write(to: adapter)
    let base = try bench.write(TinyCheckpoint())
    try expectSame(try await write(adapter, for: base, bench), as: adapter, on: Checkpoint(path: base))
  }

  /// Alpha over the root of the rank, of one rank, is another alpha over the rank.
  @Test func rankStabilizedScalesOfOneRank() async throws {
    let bench = try Workbench()
    let adapter = bench.path("adapter")
    try TinyAdapter {
      $0.config["use_rslora"] = true
      $0.config["r"] = 4
      let size = 4 * 64
      var random = SeededGenerator(seed: 8)
      $0.tensors = [
        RawTensor(TinyAdapter.prefix + "lora_A.weight", shape: [4, 64], values: random.normals(size, deviation: 0.1)),
        RawTensor(TinyAdapter.prefix + "lora_B.weight", shape: [172, 4], values: random.normals(688, deviation: 0.1)),
      ]
    }.write(to: adapter)
    let base = try bench.write(TinyCheckpoint())
    let gguf = try await write(adapter, for: base, bench)
    #expect(try GGUFFile(path: gguf).metadata["adapter.lora.alpha"] == .float32(8))
    try expectSame(gguf, as: adapter, on: Checkpoint(path: base))
  }

  /// Modules of one layer with a second alpha or rank.
  private static func twoModules(
    _ alphas: [String: JSONValue], _ ranks: [String: JSONValue] = [:], rank: Int = 2
  ) -> TinyAdapter {
    TinyAdapter {
      var random = SeededGenerator(seed: 6)
      let prefix = "base_model.model.model.layers.1.self_attn.v_proj."
      $0.config["alpha_pattern"] = .object(alphas)
      $0.config["rank_pattern"] = .object(ranks)
      $0.tensors += [
        RawTensor(prefix + "lora_A.weight", shape: [rank, 64], values: random.normals(rank * 64, deviation: 0.1)),
        RawTensor(prefix + "lora_B.weight", shape: [32, rank], values: random.normals(32 * rank, deviation: 0.1)),
      ]
    }
  }

  // MARK: - What a GGUF cannot say

  @Test(
    arguments: [
      ("dora", "use_dora"), ("full", "norm"), ("rslora-patterns", "no power of two"),
    ])
  func whatAGGUFCannotSayIsRefused(_ adapter: String, _ part: String) async throws {
    let bench = try Workbench()
    let error = await #expect(throws: FileError.self) {
      try await write(TinyLlama.adapter(adapter), for: TinyLlama.path, bench)
    }
    #expect(error?.code == .unsupported && error?.description.contains(part) == true, "\(error?.description ?? "")")
    #expect(try !FileSystem.exists(bench.path("adapter.gguf")))
  }

  @Test func moreThatAGGUFCannotSay() async throws {
    let prefix = "base_model.model."
    let bench = try Workbench()
    let base = try bench.write(TinyCheckpoint { $0.isTied = true })
    let head = [
      RawTensor(prefix + "lm_head.lora_A.weight", shape: [2, 64], values: Array(repeating: 0.5, count: 128)),
      RawTensor(prefix + "lm_head.lora_B.weight", shape: [96, 2], values: Array(repeating: 0.5, count: 192)),
    ]
    let norm = RawTensor(prefix + "model.norm.weight", shape: [64], values: Array(repeating: 1, count: 64))
    let bias = RawTensor(TinyAdapter.prefix + "lora_B.bias", shape: [172], values: Array(repeating: 1, count: 172))
    let cases: [(String, (inout TinyAdapter) -> Void)] = [
      ("head", { $0.tensors = head }), ("norm.weight", { $0.tensors.append(norm) }),
      ("lora_bias", { $0.tensors.append(bias) }), ("lora_alpha", { $0.config["lora_alpha"] = 0 }),
      ("alpha of 12", { $0 = Self.twoModules(["v_proj": 12]) }),
      ("olora", { $0.config["init_lora_weights"] = "olora" }),
      (
        "no tensor",
        {
          $0.tensors = $0.tensors.map {
            RawTensor($0.name.replacing("up_proj", with: "x_proj"), type: $0.type, shape: $0.shape, bytes: $0.bytes)
          }
        }
      ),
      ("only one", { $0.tensors.removeLast() }),
      ("do not give", { $0.config["r"] = 3 }),
    ]
    for (part, change) in cases {
      let path = bench.path("adapter")
      try? FileManager.default.removeItem(atPath: path)
      try TinyAdapter(change).write(to: path)
      let error = await #expect(throws: FileError.self, "\(part)") { try await write(path, for: base, bench) }
      #expect(error?.description.contains(part) == true, "\(part): \(error?.description ?? "")")
    }
  }

  @Test func onlyAGGUFIsWritten() async throws {
    let bench = try Workbench()
    let error = #expect(throws: FileError.self) {
      try Plan(
        converting: Adapter(path: TinyLlama.adapter("plain")), of: AdapterBase(path: TinyLlama.path),
        to: Destination(path: bench.path("folder")), type: nil, name: nil)
    }
    #expect(error?.remedies == [.makeGGUF])
    let again = await #expect(throws: FileError.self) {
      try await write("\(Self.folder)/plain-f32.gguf", for: TinyLlama.path, bench)
    }
    #expect(again?.message.contains("GGUF already") == true)
  }

  // MARK: - Merging

  /// Every weight that one adapter leads to is the other's, to the bit.
  private func expectSame(_ gguf: String, as adapter: String, on base: Checkpoint) throws {
    let (found, expected) = (try base.adding(Adapter(path: gguf)), try base.adding(Adapter(path: adapter)))
    #expect(found.tensors.map(\.name) == expected.tensors.map(\.name))
    var changed = 0
    let before = Dictionary(base.tensors.map { ($0.name, $0.derivation) }, uniquingKeysWith: { one, _ in one })
    for tensor in expected.tensors {
      #expect(
        try found.tensor(named: tensor.name)?.values() == expected.tensor(named: tensor.name)?.values(),
        "\(tensor.name)")
      if before[tensor.name] != tensor.derivation { changed += 1 }
    }
    #expect(changed > 0)
  }

  @Test(arguments: classes)
  func isMergedAsTheAdapterItWasMadeFrom(_ name: String) async throws {
    let adapter = "\(Self.folder)/\(name)"
    let base = try Checkpoint(path: Self.base(name))
    try expectSame(adapter + "/adapter.gguf", as: adapter, on: base)
    let bench = try Workbench()
    let gguf = try Checkpoint(path: try await bench.convert(base, to: "base.gguf"))
    try expectSame(adapter + "/adapter.gguf", as: adapter, on: gguf)
    // And the GGUF of the one is that of the other. Some architectures have no head apart from the embedding.
    guard base.model?.tiesHead != true else { return }
    let recipe = Recipe(.elements(try TargetType.quantizing("f32")))
    let one = try await bench.convert(gguf.adding(Adapter(path: adapter + "/adapter.gguf")), to: "one.gguf", recipe)
    let two = try await bench.convert(gguf.adding(Adapter(path: adapter)), to: "two.gguf", recipe)
    #expect(try Workbench.ggufTensors(at: one).mapValues(\.bytes) == Workbench.ggufTensors(at: two).mapValues(\.bytes))
  }

  @Test(arguments: ["q8_0", "q4_k"])
  func intoAQuantizedModel(_ type: String) async throws {
    let bench = try Workbench()
    let base = try await bench.convert(TinyLlama.path, to: "base.gguf", Recipe(try .quantizing(type)))
    try expectSame(
      "\(Self.folder)/plain-f32.gguf", as: TinyLlama.adapter("plain"), on: Checkpoint(path: base))
  }

  /// Factors may be of any type that is decoded.
  @Test(arguments: [("f16", 1e-3), ("bf16", 8e-3), ("q8_0", 8e-3)] as [(String, Float)])
  func factorsOfOtherTypes(_ type: String, _ tolerance: Float) throws {
    let base = try Checkpoint(path: TinyLlama.path)
    let expected = try base.adding(Adapter(path: TinyLlama.adapter("plain")))
    let found = try base.adding(Adapter(path: "\(Self.folder)/plain-\(type).gguf"))
    for tensor in expected.tensors where tensor.derivation.hasFactors {
      let values = try #require(try found.tensor(named: tensor.name)).values()
      let wanted = try #require(try expected.tensor(named: tensor.name)).values()
      let largest = wanted.map(abs).max() ?? 0
      #expect(zip(values, wanted).allSatisfy { abs($0 - $1) <= tolerance * largest }, "\(tensor.name)")
    }
  }

  /// A weight multiplies it, and adapters of all kinds add in one model.
  @Test func spellingsAddUp() throws {
    let base = try Checkpoint(path: TinyLlama.path)
    let paths = ["\(Self.folder)/plain-f32.gguf", Self.fixtures + "/MLXAdapters/lora", TinyLlama.adapter("plain")]
    let weights: [Float] = [0.5, 1, 2]
    let name = "model.layers.3.self_attn.q_proj.weight"
    let before = try #require(try base.tensor(named: name)).values()
    var (all, sums) = (base, before.map(Double.init))
    for (path, weight) in zip(paths, weights) {
      all = try all.adding(Adapter(path: path, weight: weight))
      let alone = try #require(try base.adding(Adapter(path: path)).tensor(named: name)).values()
      for index in sums.indices { sums[index] += Double(weight) * Double(alone[index] - before[index]) }
    }
    let values = try #require(try all.tensor(named: name)).values()
    #expect(all.adapters.count == 3)
    #expect(values.indices.allSatisfy { abs(Double(values[$0]) - sums[$0]) < 2e-6 })
  }

  /// A GGUF of an architecture that nothing is known of has the adapter's own names.
  @Test func intoAGGUFOfAnUnknownArchitecture() async throws {
    let bench = try Workbench()
    try RawAdapterGGUF {
      $0.set("general.type", .string("model"))
      $0.set("general.architecture", .string("strange"))
      $0.tensors = [RawTensor(RawAdapterGGUF.module, shape: [172, 64], values: Array(repeating: 1, count: 172 * 64))]
    }.write(to: bench.path("base.gguf"))
    let base = try Checkpoint(path: bench.path("base.gguf"))
    try RawAdapterGGUF { $0.set("general.architecture", .string("strange")) }.write(to: bench.path("a.gguf"))
    let merged = try base.adding(Adapter(path: bench.path("a.gguf")))
    let (down, up) = (TinyAdapter().tensors[0].values, TinyAdapter().tensors[1].values)
    let values = try #require(try merged.tensor(named: RawAdapterGGUF.module)).values()
    for index in stride(from: 0, to: values.count, by: 997) {
      let (row, column) = index.quotientAndRemainder(dividingBy: 64)
      let change = 2 * (up[row * 2] * down[column] + up[row * 2 + 1] * down[64 + column])
      #expect(abs(values[index] - 1 - change) < 1e-6)
    }
  }

  /// llama.cpp multiplies with 1 where there is no alpha, or one of 0.
  @Test(arguments: [nil, .float32(0)] as [MetadataValue?])
  func withoutAlphaTheScaleIsOne(_ alpha: MetadataValue?) throws {
    let bench = try Workbench()
    try RawAdapterGGUF { $0.set("adapter.lora.alpha", alpha) }.write(to: bench.path("a.gguf"))
    let adapter = try Adapter(path: bench.path("a.gguf"))
    #expect(try adapter.scale(of: "blk.0.ffn_up") == 1)
  }

  // MARK: - Hostile files

  @Test(
    arguments: [
      ("missing partner", "only one of the factors"), ("ranks", "rank"), ("architecture", "qwen2"),
      ("no architecture", "general.architecture"), ("type", "ia3"), ("no type", "adapter.type"), ("alpha NaN", "NaN"),
      ("alpha text", "f32 is expected"), ("alora", "invocation_tokens"), ("norm", "not part of"),
      ("other module", "no tensor"), ("other shape", "shape"), ("not finite", "NaN or infinite"),
      ("vector", "rank"), ("three dimensions", "shape"), ("no tensors", "general.type"),
    ])
  func hostileFiles(_ fault: String, _ part: String) throws {
    let bench = try Workbench()
    let module = RawAdapterGGUF.module
    let adapter = RawAdapterGGUF { file in
      func renamed(_ name: String) {
        file.tensors = file.tensors.map {
          RawTensor($0.name.replacing(module, with: name), type: $0.type, shape: $0.shape, bytes: $0.bytes)
        }
      }
      func reshaped(_ number: Int, _ shape: [Int]) {
        let values = [Float](repeating: 0.5, count: shape.reduce(1, *))
        file.tensors[number] = RawTensor(file.tensors[number].name, shape: shape, values: values)
      }
      switch fault {
      case "missing partner": file.tensors.removeLast()
      case "ranks": reshaped(0, [3, 64])
      case "architecture": file.set("general.architecture", .string("qwen2"))
      case "no architecture": file.set("general.architecture", nil)
      case "type": file.set("adapter.type", .string("ia3"))
      case "no type": file.set("adapter.type", nil)
      case "alpha NaN": file.set("adapter.lora.alpha", .float32(.nan))
      case "alpha text": file.set("adapter.lora.alpha", .string("4"))
      case "alora": file.set("adapter.alora.invocation_tokens", .uint32s([1, 2]))
      case "norm":
        file.tensors.append(RawTensor("blk.0.attn_norm.weight", shape: [64], values: .init(repeating: 1, count: 64)))
      case "other module": renamed("blk.7.ffn_up.weight")
      case "other shape": renamed("blk.0.ffn_down.weight")
      case "not finite": file.tensors[1].bytes.replaceSubrange(0..<4, with: [0, 0, 0xC0, 0x7F])
      case "vector": reshaped(0, [128])
      case "three dimensions":
        reshaped(0, [1, 2, 64])
        reshaped(1, [1, 172, 2])
      default:
        file.set("general.type", .string("model"))
        file.tensors = []
      }
    }
    try adapter.write(to: bench.path("a.gguf"))
    let base = try Checkpoint(path: try bench.write(TinyCheckpoint()))
    let error = #expect(throws: FileError.self) { try base.adding(Adapter(path: bench.path("a.gguf"))) }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
  }

  /// A part of a fused tensor alone is no product of two factors.
  @Test func aPartOfAFusedTensorIsRefused() throws {
    let bench = try Workbench()
    let whole = try Workbench.ggufTensors(at: "\(Self.folder)/InternLM2ForCausalLM/adapter.gguf")
    try RawAdapterGGUF {
      $0.set("general.architecture", .string("internlm2"))
      $0.tensors = whole.values.filter { $0.name.contains("attn_q.") }.sorted { $0.name < $1.name }.map {
        RawTensor($0.name, type: "F32", shape: $0.shape, bytes: $0.bytes)
      }
    }.write(to: bench.path("a.gguf"))
    let base = try Checkpoint(path: Self.base("InternLM2ForCausalLM"))
    let error = #expect(throws: FileError.self) { try base.adding(Adapter(path: bench.path("a.gguf"))) }
    #expect(error?.code == .unsupported && error?.message.contains("no product") == true)
  }

  @Test func anAdapterIsNoModel() {
    let error = #expect(throws: FileError.self) { try Checkpoint(path: "\(Self.folder)/plain-f32.gguf") }
    #expect(error?.code == .unsupported && error?.remedies == [.nameAdapters])
  }

  @Test func aSummaryTellsWhatItIs() throws {
    let summary = try AdapterSummary(path: "\(Self.folder)/plain-q8_0.gguf")
    #expect(summary.spelling == "GGUF" && summary.kind == "LORA" && summary.obstacle == nil)
    #expect(summary.ranks == [4] && summary.alphas == [8] && summary.scales == [2])
    #expect(summary.modules.map(\.name) == ["attn_q", "attn_v"] && summary.byteCount > 0)
  }
}
