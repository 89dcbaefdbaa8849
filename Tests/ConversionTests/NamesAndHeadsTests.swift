import Bytes
import Conversion
import JSON
import Tensors
import TestSupport
import Testing

@testable import Architectures

/// Tensors under other names, and heads that are stored in ways of their own.
@Suite struct NamesAndHeadsTests {
  /// What wrappers make of names, and whether transformers would find the tensors.
  @Test(
    arguments: [
      ("", true), ("_orig_mod.model.", false), ("module.model.", false), ("language_model.model.", false),
      ("model.language_model.", false), ("module._orig_mod.model.", false), ("_orig_mod.module.language_model.", false),
      ("model._orig_mod.", false), ("model.model.", false),
    ])
  func otherNamesAreRecognised(prefix: String, isKnownToTransformers: Bool) async throws {
    let bench = try Workbench()
    let tiny = TinyCheckpoint { $0.layers = 1 }
    let usual = try bench.write(tiny, as: "usual")
    let path = try bench.write(tiny) { tensors in
      tensors = tensors.map { tensor in
        let bare = tensor.name.hasPrefix("model.") ? String(tensor.name.dropFirst("model.".count)) : tensor.name
        let outer = prefix.hasSuffix(".model.") && prefix != "model.model." ? prefix.dropLast("model.".count) : ""
        let name = bare.hasPrefix("lm_head") ? outer + bare : prefix + bare
        return RawTensor(name, type: tensor.type, shape: tensor.shape, bytes: tensor.bytes)
      }
    }
    let checkpoint = try Checkpoint(path: path)
    #expect(checkpoint.tensors.map(\.name) == (try Checkpoint(path: usual)).tensors.map(\.name))
    #expect(checkpoint.notes.count == 1)
    #expect(checkpoint.notes.first?.cause.contains("as transformers does") == isKnownToTransformers)
    let folder = try await bench.convert(path, to: "folder")
    #expect(try Workbench.tensors(at: folder).mapValues(\.bytes) == Workbench.tensors(at: usual).mapValues(\.bytes))
    let gguf = try await bench.convert(path, to: "m.gguf")
    let other = try await bench.convert(usual, to: "usual.gguf")
    #expect(
      try Workbench.ggufTensors(at: gguf).mapValues(\.bytes) == Workbench.ggufTensors(at: other).mapValues(\.bytes))
  }

  /// The stored parts of a quantized weight take its usual name too.
  @Test func partsOfAQuantizedWeightAreRenamed() async throws {
    let bench = try Workbench()
    let quantized = try await bench.convert(
      try bench.write(TinyCheckpoint { $0.layers = 1 }), to: "nf4", Recipe(.quantizing("nf4")))
    let stored = try Workbench.tensors(at: quantized)
    let wrapped = stored.values.sorted { $0.name < $1.name }.map { tensor in
      RawTensor("_orig_mod." + tensor.name, type: tensor.type, shape: tensor.shape, bytes: tensor.bytes)
    }
    try bench.folder.write(RawSafetensors.bytes(of: wrapped), to: "nf4/model.safetensors")
    let again = try await bench.convert(quantized, to: "again")
    #expect(try Workbench.tensors(at: again).mapValues(\.bytes) == stored.mapValues(\.bytes))
  }

  @Test func twoTensorsOfOneUsualNameAreRefused() throws {
    let bench = try Workbench()
    let path = try bench.write(TinyCheckpoint()) { tensors in
      tensors.append(RawTensor("norm.weight", shape: [64], values: [Float](repeating: 1, count: 64)))
    }
    let error = #expect(throws: FileError.self) { try Checkpoint(path: path) }
    #expect(error?.message.contains("model.norm.weight") == true)
  }

  /// Names of another family are one failure, which shows a stored name and one that is expected.
  @Test func otherNamesAreOneSentence() throws {
    let bench = try Workbench()
    let path = try bench.write(TinyCheckpoint()) { tensors in
      tensors = tensors.map { tensor in
        RawTensor("transformer.h." + tensor.name, type: tensor.type, shape: tensor.shape, bytes: tensor.bytes)
      }
    }
    let error = try #require(throws: FileError.self) { try Checkpoint(path: path).checkTensors() }
    #expect(error.others.isEmpty)
    #expect(error.subject == "transformer.h.model.embed_tokens.weight")
    #expect(error.message.contains("model.embed_tokens.weight"))
  }

  // MARK: - Classes

  @Test(arguments: [JSONValue.null, [], ["LlamaModel"], ["LLaMAForCausalLM"], ["LlamaForCausalLM"]])
  func classesAreRecognised(_ architectures: JSONValue) async throws {
    let bench = try Workbench()
    let path = try bench.write(TinyCheckpoint { $0.settings = ["architectures": architectures] })
    #expect(try Checkpoint(path: path).model?.className == "LlamaForCausalLM")
    let folder = try await bench.convert(path, to: "folder")
    #expect(try Checkpoint(path: folder).config?["architectures"] == ["LlamaForCausalLM"])
  }

  /// A bare model has no head, and needs none to be converted.
  @Test func aBareModelStaysOne() async throws {
    let bench = try Workbench()
    let path = try bench.write(TinyCheckpoint { $0.settings = ["architectures": ["LlamaModel"]] }) { tensors in
      tensors.removeAll { $0.name == "lm_head.weight" }
    }
    let gguf = try await bench.convert(path, to: "m.gguf")
    for output in [try await bench.convert(path, to: "folder"), try await bench.convert(gguf, to: "back")] {
      let checkpoint = try Checkpoint(path: output)
      #expect(checkpoint.config?["architectures"] == ["LlamaModel"])
      #expect(checkpoint.model?.hasHead == false)
      #expect(checkpoint.model?.tiesHead == false)
    }
  }

  // MARK: - Heads

  /// A GGUF that stores a head is not tied, whatever the configuration that is kept in it says.
  @Test(arguments: [true, false])
  func theKeptConfigurationIsCorrected(isTied: Bool) async throws {
    let bench = try Workbench()
    let path = try bench.write(TinyCheckpoint { $0.settings = ["tie_word_embeddings": .bool(isTied)] })
    let gguf = try await bench.convert(path, to: "m.gguf")
    let checkpoint = try Checkpoint(path: gguf)
    #expect(checkpoint.notes.isEmpty)
    #expect(checkpoint.config?["tie_word_embeddings"] == false)
    #expect(try Workbench.ggufTensors(at: gguf)["output.weight"] != nil)
  }

  /// A head in other bits than the embedding is compared by its values.
  @Test func aHeadOfAnotherElementTypeMayBeEqual() throws {
    let bench = try Workbench()
    let path = try bench.write(TinyCheckpoint { $0.settings = ["tie_word_embeddings": true] }) { tensors in
      guard let embedding = tensors.first(where: { $0.name == "model.embed_tokens.weight" }) else { return }
      tensors.removeAll { $0.name == "lm_head.weight" }
      tensors.append(RawTensor("lm_head.weight", type: "F32", shape: embedding.shape, values: embedding.values))
    }
    let checkpoint = try Checkpoint(path: path)
    #expect(checkpoint.model?.tiesHead == true)
    #expect(!checkpoint.tensors.contains { $0.name == "lm_head.weight" })
  }

  /// Biases of a GGUF count, though the configuration that is kept in it asks for none.
  @Test func biasesOfAGGUFAreWritten() async throws {
    let bench = try Workbench()
    let path = try bench.write(TinyCheckpoint { $0.hasBiases = true })
    let gguf = try await bench.convert(path, to: "m.gguf")
    let kept = String(decoding: try TinyCheckpoint().config.serialized(), as: UTF8.self)
    var recipe = Recipe(.keep)
    recipe.metadata = [MetadataOverride(key: "decant.huggingface.config", value: .string(kept))]
    let other = try await bench.convert(gguf, to: "other.gguf", recipe)
    let checkpoint = try Checkpoint(path: other)
    #expect((checkpoint.model as? DecoderModel)?.values.flag(.hasAttentionBias) == true)
    let folder = try await bench.convert(other, to: "folder")
    let config = try Checkpoint(path: folder).config
    #expect(config?["attention_bias"] == true && config?["mlp_bias"] == true)
    #expect(try Checkpoint(path: folder).notes.isEmpty)
  }
}
