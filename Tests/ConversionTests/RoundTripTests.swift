import Bytes
import Conversion
import GGUF
import JSON
import Tensors
import TestSupport
import Testing

@testable import Architectures

/// Hugging Face to GGUF and back: nothing is lost.
@Suite struct RoundTripTests {
  private static let checkpoints: [(name: String, checkpoint: TinyCheckpoint)] = [
    ("plain", TinyCheckpoint()),
    ("tied", TinyCheckpoint { $0.isTied = true }),
    ("biases", TinyCheckpoint { $0.hasBiases = true }),
    ("f32", TinyCheckpoint { ($0.type, $0.vectorType) = ("F32", "F32") }),
    ("f16", TinyCheckpoint { ($0.type, $0.vectorType) = ("F16", "F16") }),
    ("mixed", TinyCheckpoint { ($0.type, $0.vectorType, $0.hasBiases) = ("BF16", "F16", true) }),
    ("wide norms", TinyCheckpoint { ($0.type, $0.vectorType) = ("F16", "F32") }),
    ("sharded", TinyCheckpoint { $0.shardCount = 3 }),
    ("heads of their own width", TinyCheckpoint { $0.settings = ["head_dim": 16] }),
    ("linear RoPE", TinyCheckpoint { $0.settings = ["rope_scaling": ["type": "linear", "factor": 2.0]] }),
    (
      "llama3 RoPE",
      TinyCheckpoint {
        $0.settings = [
          "rope_scaling": [
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
          ]
        ]
      }
    ),
    (
      "Mistral",
      TinyCheckpoint {
        $0.settings = ["architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": 32]
      }
    ),
    (
      "Mistral without window",
      TinyCheckpoint {
        $0.settings = ["architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": nil]
      }
    ),
  ]

  @Test(arguments: checkpoints)
  func tensorsAndConfigurationComeBack(_ model: (name: String, checkpoint: TinyCheckpoint)) async throws {
    let bench = try Workbench()
    let original = try bench.write(model.checkpoint)
    let gguf = try await bench.convert(original, to: "m.gguf")
    let back = try await bench.convert(gguf, to: "back")
    try expectSameTensors(back, original)
    let config = try JSONValue(parsing: Workbench.bytes(back + "/config.json")).object ?? [:]
    let expected = model.checkpoint.config.object ?? [:]
    for (key, value) in expected where key != "torch_dtype" { #expect(config[key] == value, "\(key)") }
    #expect(
      config["torch_dtype"] == .string(["BF16": "bfloat16", "F16": "float16"][model.checkpoint.type] ?? "float32"))
    #expect(config.count == expected.count)
    // And once more, from the copy: the same GGUF.
    let again = try await bench.convert(back, to: "again.gguf")
    #expect(
      try Workbench.ggufTensors(at: again).mapValues(\.bytes) == Workbench.ggufTensors(at: gguf).mapValues(\.bytes))
  }

  private func expectSameTensors(_ one: String, _ other: String) throws {
    let (found, expected) = (try Workbench.tensors(at: one), try Workbench.tensors(at: other))
    #expect(found.keys.sorted() == expected.keys.sorted())
    for (name, tensor) in expected {
      #expect(found[name]?.type == tensor.type, "\(name)")
      #expect(found[name]?.shape == tensor.shape, "\(name)")
      #expect(found[name]?.bytes == tensor.bytes, "\(name)")
    }
  }

  @Test func theTrainedModelComesBackWithEverythingBesideIt() async throws {
    let bench = try Workbench()
    let gguf = try await bench.convert(TinyLlama.path, to: "m.gguf")
    let back = try await bench.convert(gguf, to: "back")
    try expectSameTensors(back, TinyLlama.path)
    for name in ["config.json", "generation_config.json"] {
      let (found, expected) = try (
        JSONValue(parsing: Workbench.bytes(back + "/" + name)),
        JSONValue(parsing: Workbench.bytes(TinyLlama.file(name)))
      )
      #expect(found == expected, "\(name)")
    }
    let settings = try JSONValue(parsing: Workbench.bytes(back + "/tokenizer_config.json"))
    let original = try JSONValue(parsing: Workbench.bytes(TinyLlama.file("tokenizer_config.json")))
    for key in ["chat_template", "bos_token", "eos_token", "add_bos_token"] {
      #expect(settings[key] == original[key], "\(key)")
    }
  }

  @Test func anUnwidenedTypeAskedForIsKeptOnTheWayBack() async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    let gguf = try await bench.convert(original, to: "m.gguf", Recipe(.elements(try TargetType.quantizing("f32"))))
    let back = try Workbench.tensors(at: try await bench.convert(gguf, to: "back"))
    #expect(Set(back.values.map(\.type)) == ["F32"])
    let originals = try Workbench.tensors(at: original)
    for (name, tensor) in back { #expect(tensor.values == originals[name]?.values, "\(name)") }
  }

  @Test func vectorsAreWideInAGGUF() async throws {
    let bench = try Workbench()
    let gguf = try await bench.convert(try bench.write(TinyCheckpoint { $0.hasBiases = true }), to: "m.gguf")
    for (name, tensor) in try Workbench.ggufTensors(at: gguf) {
      #expect(tensor.type == (tensor.shape.count == 1 ? "f32" : "bf16"), "\(name)")
    }
  }

  /// Row r of a head of q and k moves as llama.cpp's converter moves it; v stays.
  @Test func rowsOfQAndKAreInterleaved() async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint { $0.hasBiases = true })
    let gguf = try Workbench.ggufTensors(at: try await bench.convert(original, to: "m.gguf"))
    let hf = try Workbench.tensors(at: original)
    let (heads, half, rowBytes) = (4, 8, 64 * 2)
    let source = try #require(hf["model.layers.0.self_attn.q_proj.weight"]).bytes
    var order: [Int] = []
    for head in 0..<heads {
      for pair in 0..<half { order += [head * 2 * half + pair, head * 2 * half + pair + half] }
    }
    let expected = order.flatMap { source[$0 * rowBytes..<($0 + 1) * rowBytes] }
    #expect(gguf["blk.0.attn_q.weight"]?.bytes == expected)
    #expect(gguf["blk.0.attn_v.weight"]?.bytes == hf["model.layers.0.self_attn.v_proj.weight"]?.bytes)
    let bias = try #require(hf["model.layers.0.self_attn.q_proj.bias"]).values
    let expectedBias = order.map { bias[$0] }
    let found = RawTensor("", type: "F32", shape: [], bytes: try #require(gguf["blk.0.attn_q.bias"]).bytes).values
    #expect(found == expectedBias)
  }

  /// A GGUF that says nothing of Hugging Face's form, as other converters write it.
  @Test func aGGUFWithoutOurKeysGivesAFolderThatOpens() async throws {
    let bench = try Workbench()
    let gguf = try await bench.convert(try bench.write(TinyCheckpoint { $0.isTied = true }), to: "m.gguf")
    try stripOwnKeys(of: gguf, to: bench.path("foreign.gguf"))
    let back = try await bench.convert(bench.path("foreign.gguf"), to: "back")
    let reopened = try Checkpoint(path: back)
    try reopened.checkTensors()
    let model = try #require(reopened.model as? DecoderModel)
    #expect(model.tiesHead)
    #expect(model.values.count(.keyHeadCount) == 2)
    #expect(model.values.count(.intermediateSize) == 172)
  }

  private func stripOwnKeys(of path: String, to copy: String) throws {
    let source = try GGUFSource(path: path)
    var metadata = source.metadata
    metadata.removeAll { $0.key.hasPrefix("decant.") }
    let plan = try #require(try GGUFWriter.plan(metadata: metadata, tensors: source.tensors, name: "c.gguf").first)
    var bytes = plan.header + [UInt8](repeating: 0, count: plan.byteCount - plan.header.count)
    for tensor in plan.tensors {
      bytes.replaceSubrange(
        tensor.offset..<tensor.offset + tensor.descriptor.byteCount, with: try source.bytes(of: tensor.descriptor.name))
    }
    try bench(copy, bytes)
  }

  private func bench(_ path: String, _ bytes: [UInt8]) throws {
    let staged = try StagedOutput(
      .files, in: FileSystem.parent(path),
      files: [StagedOutput.File(name: FileSystem.lastComponent(path), byteCount: bytes.count)], replacing: false)
    try bytes.withBytes { raw throws(FileError) in try staged.write(raw, file: 0, at: 0) }
    try staged.commit()
  }
}
