import Architectures
import Bytes
import Conversion
import JSON
import Quantization
import Tensors
import TestSupport
import Testing

/// NF4, FP4, int4 and int8, spelled as bitsandbytes spells them.
@Suite struct BlockwiseOutputTests {
  /// Half the widest gap between the values of a code, for a block whose absmax is 1.
  private static let largestError: [String: Float] = ["nf4": 0.152, "fp4": 0.1667, "int4": 1 / 14, "int8": 1 / 254]

  struct Case: CustomTestStringConvertible {
    let code: String
    let blockSize: Int
    let isDouble: Bool
    var testDescription: String { "\(code)/\(blockSize)\(isDouble ? "+dq" : "")" }
  }

  static let cases = ["nf4", "fp4", "int4", "int8"].flatMap { code in
    [32, 64, 128, 256, 512, 1024, 2048, 4096].flatMap { size in
      [false, true].map { Case(code: code, blockSize: size, isDouble: $0) }
    }
  }

  @Test(arguments: cases, ["safetensors", "gguf"])
  func whatIsReadBackIsCloseToWhatWasWritten(_ type: Case, _ container: String) async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint { ($0.layers, $0.isTied) = (1, true) })
    let output = try await bench.convert(
      original, to: container == "gguf" ? "out.gguf" : "out",
      Recipe(try .quantizing(type.code, blockSize: type.blockSize, doubleQuantized: type.isDouble)))
    let before = try Checkpoint(path: original)
    let after = try Checkpoint(path: output)
    #expect(after.tensors.map(\.name).sorted() == before.tensors.map(\.name).sorted())
    for tensor in before.tensors {
      let one = try #require(try before.tensor(named: tensor.name)).values()
      let other = try #require(try after.tensor(named: tensor.name)).values()
      guard tensor.name.hasSuffix("proj.weight") else {
        #expect(one == other, "\(tensor.name) stays what it is")
        continue
      }
      // Rows of q and k are in another order in a GGUF, and so are the blocks: the tensor's absmax bounds all of them.
      let absmax = one.map(abs).max() ?? 0
      let bound = absmax * (try #require(Self.largestError[type.code]) + (type.isDouble ? 0.01 : 0)) * 1.0001
      let worst = zip(one, other).map { abs($0 - $1) }.max() ?? .infinity
      #expect(worst <= bound, "\(tensor.name): \(worst) > \(bound)")
      #expect(worst > 0, "\(tensor.name) was quantized")
    }
  }

  @Test(arguments: ["nf4", "fp4", "int4", "int8"], [false, true])
  func namesTypesAndShapesAreBitsandbytes(_ code: String, _ isDouble: Bool) async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint { $0.layers = 1 })
    let output = try await bench.convert(original, to: "out", Recipe(try .quantizing(code, doubleQuantized: isDouble)))
    let stored = try Workbench.tensors(at: output)
    let weight = "model.layers.0.mlp.gate_proj.weight"
    let isNibble = code != "int8"
    let owner = code.hasPrefix("int") ? "decant" : "bitsandbytes"
    var parts: [String: (String, [Int])] = [
      "": ("U8", [isNibble ? 172 * 64 / 2 : 172 * 64, 1]), ".absmax": (isDouble ? "U8" : "F32", [172]),
      ".quant_map": ("F32", [isNibble ? 16 : (stored[weight + ".quant_map"]?.shape[0] ?? 0)]),
    ]
    if isDouble {
      parts[".nested_absmax"] = ("F32", [1])
      parts[".nested_quant_map"] = ("F32", [256])
    }
    let stateName = "\(weight).quant_state.\(owner)__\(code)"
    let state = try #require(stored[stateName])
    #expect(state.type == "U8" && state.shape == [state.bytes.count])
    for (ending, part) in parts {
      let tensor = try #require(stored[weight + ending], "\(ending)")
      #expect(tensor.type == part.0, "\(ending)")
      #expect(tensor.shape == part.1, "\(ending)")
    }
    #expect(stored.keys.filter { $0.hasPrefix(weight) }.count == parts.count + 1)

    let document = try JSONValue(parsing: state.bytes)
    #expect(document["quant_type"] == .string(code))
    #expect(document["blocksize"] == 64)
    #expect(document["shape"] == [172, 64])
    #expect(document["dtype"] == "bfloat16")
    #expect((document["nested_offset"] != nil) == isDouble)
    let untouched = try Workbench.tensors(at: original)
    for name in ["model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"] {
      #expect(stored[name]?.bytes == untouched[name]?.bytes, "\(name) stays")
    }
  }

  @Test(arguments: ["nf4", "fp4"], [false, true])
  func configTellsTransformers(_ code: String, _ isDouble: Bool) async throws {
    let bench = try Workbench()
    let output = try await bench.convert(
      TinyLlama.path, to: "out", Recipe(try .quantizing(code, doubleQuantized: isDouble)))
    let config = try JSONValue(parsing: Workbench.bytes(output + "/config.json"))
    let section = config["quantization_config"]
    #expect(section?["quant_method"] == "bitsandbytes")
    #expect(section?["load_in_4bit"] == true)
    #expect(section?["bnb_4bit_quant_type"] == .string(code))
    #expect(section?["bnb_4bit_use_double_quant"] == .bool(isDouble))
    #expect(section?["llm_int8_skip_modules"]?.isNull == true, "the head alone is the loader's default")
    #expect(
      try FileSystem.names(inFolder: output) == [
        "config.json", "generation_config.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json",
        "tokenizer_config.json",
      ])
    let dequantized = try await bench.convert(output, to: "wide", Recipe(.elements(try TargetType.quantizing("bf16"))))
    let plain = try JSONValue(parsing: Workbench.bytes(dequantized + "/config.json"))
    #expect(plain["quantization_config"] == nil, "what is decoded is not quantized any more")
  }

  @Test(arguments: ["int4", "int8"])
  func ourOwnCodesSaySo(_ code: String) async throws {
    let bench = try Workbench()
    let output = try await bench.convert(
      try bench.write(TinyCheckpoint()), to: "out", Recipe(try .quantizing(code, blockSize: 128)))
    let section = try JSONValue(parsing: Workbench.bytes(output + "/config.json"))["quantization_config"]
    #expect(
      section == [
        "quant_method": "decant", "quant_type": .string(code), "block_size": 128, "double_quant": false,
      ])
  }

  /// Copying a quantized model keeps every byte, in either container.
  @Test(arguments: ["nf4", "int8"], ["safetensors", "gguf"])
  func aQuantizedModelIsCopiedAsItIs(_ code: String, _ container: String) async throws {
    let bench = try Workbench()
    let ending = container == "gguf" ? ".gguf" : ""
    let first = try await bench.convert(
      try bench.write(TinyCheckpoint()), to: "a" + ending, Recipe(try .quantizing(code, doubleQuantized: true)))
    let second = try await bench.convert(first, to: "b" + ending)
    let read = container == "gguf" ? Workbench.ggufTensors : Workbench.tensors
    #expect(try read(first).mapValues(\.bytes) == read(second).mapValues(\.bytes))
  }

  @Test func companionsInAGGUFAreTypesThatEveryReaderKnows() async throws {
    let bench = try Workbench()
    let output = try await bench.convert(
      try bench.write(TinyCheckpoint()), to: "m.gguf", Recipe(try .quantizing("nf4", doubleQuantized: true)))
    let stored = try Workbench.ggufTensors(at: output)
    let weight = "blk.0.ffn_gate.weight"
    #expect(stored[weight]?.type == "i8")
    #expect(stored[weight]?.shape == [172 * 64 / 2])
    #expect(stored[weight + ".absmax"]?.type == "i8")
    #expect(stored[weight + ".nested_absmax"]?.type == "f32")
    #expect(stored[weight + ".quant_state.bitsandbytes__nf4"]?.type == "i8")
    #expect(try Checkpoint(path: output).weights.first { $0.name == weight }?.typeName == "nf4+dq")
  }

  @Test func anOverrideAddsTheHead() async throws {
    let bench = try Workbench()
    let head = try Recipe.Override(pattern: "^lm_head", type: TargetType.quantizing("nf4"))
    let output = try await bench.convert(
      try bench.write(TinyCheckpoint()), to: "out", Recipe(try .quantizing("nf4"), overrides: [head]))
    #expect(try Workbench.tensors(at: output)["lm_head.weight.absmax"] != nil)
    let section = try JSONValue(parsing: Workbench.bytes(output + "/config.json"))["quantization_config"]
    #expect(section?["llm_int8_skip_modules"] == [], "so that the loader quantizes the head too")
  }
}
