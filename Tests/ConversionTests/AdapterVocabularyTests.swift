import Architectures
import Bytes
import Conversion
import Foundation
import GGUF
import JSON
import Tensors
import TestSupport
import Testing

/// Adapters that bring a vocabulary of another size: configuration and tokenizer follow, in both containers.
@Suite struct AdapterVocabularyTests {
  private static let tokenizer = Fixtures(of: "HuggingFace").path("valid/tokenizer/tokenizer.json")

  /// A copy of a folder, with a tokenizer in it where that is asked for.
  private func copy(_ name: String, withTokenizer: Bool, in bench: Workbench) throws -> String {
    let path = bench.path(name)
    try FileManager.default.copyItem(atPath: AdapterCase.path(name), toPath: path)
    if withTokenizer {
      try FileManager.default.copyItem(atPath: Self.tokenizer, toPath: path + "/tokenizer.json")
    }
    return path
  }

  @Test(arguments: [true, false])
  func aFolderGetsTheTokenizerOfTheTraining(_ hasTokenizer: Bool) async throws {
    let bench = try Workbench()
    let base = try Checkpoint(path: AdapterCase.path("base-untied"))
    let adapter = try Adapter(path: copy("untied-grown-saved", withTokenizer: hasTokenizer, in: bench))
    let merged = try base.adding(adapter)
    #expect(merged.notes.contains { $0.description.contains("vocabulary") })
    let output = try await bench.convert(merged, to: "out")
    let files = try Workbench.files(of: output)
    #expect(files["tokenizer.json"] == (hasTokenizer ? try Workbench.bytes(Self.tokenizer) : nil))
    #expect(try Checkpoint(path: output).config?["vocab_size"] == 15)
    // How far a vocabulary of another size moved is not said.
    let plan = try Plan(converting: merged, to: Destination(path: bench.path("again")), recipe: Recipe(.keep))
    #expect(!plan.tensors.contains { $0.isMerged && $0.shape.first == 15 })
  }

  /// The base is a GGUF with a tokenizer of its own, or with none.
  @Test(arguments: [true, false], [true, false])
  func aGGUFGetsATokenForEachRow(_ baseHasOne: Bool, _ adapterHasOne: Bool) async throws {
    let bench = try Workbench()
    let base = try await bench.convert(copy("base-untied", withTokenizer: baseHasOne, in: bench), to: "base.gguf")
    let adapter = try Adapter(path: copy("untied-grown", withTokenizer: adapterHasOne, in: bench))
    let output = try await bench.convert(try Checkpoint(path: base).adding(adapter), to: "out.gguf")
    let metadata = try GGUFSource(path: output).metadata
    #expect(metadata["tokenizer.ggml.tokens"]?.strings?.count == (baseHasOne || adapterHasOne ? 15 : nil))
    #expect(metadata["llama.vocab_size"]?.integer == 15)
    let config = try JSONValue(parsing: Array((metadata["decant.huggingface.config"]?.string ?? "").utf8))
    #expect(config["vocab_size"] == 15)
    let folder = try await bench.convert(try Checkpoint(path: base).adding(adapter), to: "out")
    #expect(try Workbench.files(of: folder).keys.contains("generation_config.json") == baseHasOne)
  }

  @Test func aVocabularyThatIsNotWholeIsRefused() throws {
    let bench = try Workbench()
    let model = try bench.write(TinyCheckpoint())
    let name = "base_model.model.model.embed_tokens.weight"
    try TinyAdapter {
      $0.tensors.append(RawTensor(name, shape: [100, 64], values: Array(repeating: 0.1, count: 6400)))
    }.write(to: bench.path("adapter"))
    let error = #expect(throws: FileError.self) {
      try Checkpoint(path: model).adding(Adapter(path: bench.path("adapter")))
    }
    #expect(error?.message.contains("embedding of 100 rows and a head of 96") == true)
  }

  // MARK: - Several adapters

  @Test func whatAnAdapterChangedIsNotReplaced() throws {
    let base = try Checkpoint(path: AdapterCase.path("base-tied"))
    let first = try base.adding(Adapter(path: AdapterCase.path("tied-head-lora")))
    #expect(first.model?.tiesHead == false)
    let error = #expect(throws: FileError.self) {
      try first.adding(Adapter(path: AdapterCase.path("tied-head-saved")))
    }
    #expect(error?.message.contains("which an adapter before it has changed") == true)
    let tokens = try base.adding(Adapter(path: AdapterCase.path("tied-tokens")))
    let again = #expect(throws: FileError.self) {
      try tokens.adding(Adapter(path: AdapterCase.path("tied-tokens")))
    }
    #expect(again?.message.contains("replaces row") == true)
  }

  /// An adapter that does not touch the two leaves a tied model tied, and says nothing.
  @Test func otherAdaptersLeaveTheHeadAlone() throws {
    let base = try Checkpoint(path: AdapterCase.path("base-tied"))
    let merged = try base.adding(Adapter(path: AdapterCase.path("velora")))
    #expect(merged.model?.tiesHead == true)
    #expect(merged.tensors.map(\.name) == base.tensors.map(\.name) && merged.notes == base.notes)
  }

  /// OLoRA needs the weights as they were.
  @Test func aQuantizedBaseIsNoBaseForOLoRA() async throws {
    let bench = try Workbench()
    let base = try await bench.convert(TinyLlama.path, to: "base.gguf", Recipe(try .quantizing("q8_0")))
    let config = #"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "init_lora_weights": "olora"}"#
    try TinyAdapter().write(to: bench.path("adapter"))
    try Data(config.utf8).write(to: URL(fileURLWithPath: bench.path("adapter/adapter_config.json")))
    let error = #expect(throws: FileError.self) {
      try Checkpoint(path: base).adding(Adapter(path: bench.path("adapter")))
    }
    #expect(error?.code == .unsupported && error?.subject == "init_lora_weights")
  }
}
