import Bytes
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

@testable import Architectures

/// What every family keeps to, held against the fixtures that transformers has made.
@Suite struct FamilyTests {
  // MARK: - The list of families

  /// A family with composite models may list the class of their text part, which another family owns.
  @Test func everyClassHasOneFamily() throws {
    var families: [String: [any ModelFamily]] = [:]
    for family in ModelFamilies.all {
      #expect(!family.classes.isEmpty)
      #expect(Set(family.classes.map(\.name)).count == family.classes.count)
      for modelClass in family.classes { families[modelClass.name, default: []].append(family) }
    }
    for (name, families) in families {
      let owners = families.filter { family in
        guard let own = family.classes.first(where: { $0.name == name }), !own.isComposite else { return true }
        return own == family.classes.first || !family.classes.contains(where: \.isComposite)
      }
      #expect(owners.count == 1, "\(name)")
      let found = try #require(ModelFamilies.family(ofConfig: ["architectures": [.string(name)]]))
      #expect(owners.contains { type(of: $0) == type(of: found) }, "\(name)")
    }
  }

  @Test func everyTypeHasOneFamily() throws {
    for family in ModelFamilies.all {
      for modelClass in family.classes {
        let found = try #require(ModelFamilies.family(ofConfig: ["model_type": .string(modelClass.modelType)]))
        let ofClass = try #require(ModelFamilies.family(ofConfig: ["architectures": [.string(modelClass.name)]]))
        #expect(type(of: found) == type(of: ofClass), "\(modelClass)")
      }
    }
  }

  @Test func architecturesOfGGUFsAreUnique() throws {
    let architectures = ModelFamilies.all.compactMap(\.ggufArchitecture)
    #expect(Set(architectures).count == architectures.count)
    for family in ModelFamilies.all {
      guard let architecture = family.ggufArchitecture else { continue }
      let found = try #require(ModelFamilies.family(ggufArchitecture: architecture))
      #expect(type(of: found) == type(of: family))
    }
  }

  @Test func whatIsNotKnownHasNoFamily() {
    for config in [["architectures": ["NoSuchModel"]], ["model_type": "none"], [:], [], .null] as [JSONValue] {
      #expect(ModelFamilies.family(ofConfig: config) == nil)
    }
    #expect(ModelFamilies.family(ggufArchitecture: "none") == nil)
  }

  /// Its attention is another one, under the same outer class.
  @Test func mistral4IsRefusedByName() throws {
    var config = try #require(try Fixture(name: "Mistral3ForConditionalGeneration-mistral").config().object)
    var text = try #require(config["text_config"]?.object)
    text["model_type"] = "mistral4"
    config["text_config"] = .object(text)
    let refused = JSONValue.object(config)
    let family = try #require(ModelFamilies.family(ofConfig: refused))
    let error = #expect(throws: FileError.self) { try family.model(fromConfig: refused, path: "config.json") }
    #expect(error?.code == .unsupported && error?.message.contains("mistral4") == true)
  }

  @Test func everyFamilyHasAFixture() throws {
    let used = try Set(Fixture.all.map { String(describing: type(of: try $0.family())) })
    let all = ModelFamilies.all.map { String(describing: type(of: $0)) }
    #expect(all.filter { !used.contains($0) }.isEmpty)
  }

  // MARK: - Fixtures

  /// A folder of a small model with random weights.
  struct Fixture: CustomTestStringConvertible, Sendable {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/Families")

    static let all: [Fixture] = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
      .map { Fixture(name: $0) }
      .filter { FileManager.default.fileExists(atPath: folder.appending(path: "\($0.name)/config.json").path) }

    let name: String
    var testDescription: String { name }

    private func bytes(_ file: String) throws -> [UInt8] {
      [UInt8](try Data(contentsOf: Self.folder.appending(path: "\(name)/\(file)")))
    }

    func config() throws -> JSONValue { try JSONValue(parsing: try bytes("config.json")) }

    func family() throws -> any ModelFamily { try #require(ModelFamilies.family(ofConfig: try config()), "\(name)") }

    func model() throws -> DecoderModel {
      try #require(try family().model(fromConfig: try config(), path: "config.json") as? DecoderModel)
    }

    /// Names and shapes of the stored tensors.
    func tensors() throws -> [String: [Int]] {
      let file = try bytes("model.safetensors")
      let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      let header = try #require(try JSONValue(parsing: Array(file[8..<8 + length])).object)
      return header.filter { $0.key != "__metadata__" }.mapValues { ($0["shape"]?.array ?? []).compactMap(\.int) }
    }
  }

  @Test func thereAreFixtures() { #expect(Fixture.all.count > 80) }

  @Test(arguments: Fixture.all) func tensorsAreThoseThatAreExpected(_ fixture: Fixture) throws {
    let model = try fixture.model()
    let isPacked = fixture.name.hasSuffix("-mxfp4")
    let isAside: (String) -> Bool = {
      model.isForeign($0) || model.table.isDropped($0) || isPacked && Self.isPacked($0)
    }
    var stored: [String: [Int]] = [:]
    for (name, shape) in try fixture.tensors() where !isAside(name) {
      let usual = try #require(model.usualName(of: name), "\(name)")
      #expect(stored.updateValue(shape, forKey: usual) == nil, "\(name)")
    }
    var expected = model.expectedTensors
    #expect(Set(expected.map(\.name)).count == expected.count)
    if isPacked { expected.removeAll { Self.isPacked($0.name + "_blocks") } }
    for tensor in expected {
      guard let shape = stored.removeValue(forKey: tensor.name) else {
        #expect(tensor.isOptional, "\(tensor.name)")
        continue
      }
      #expect(shape == tensor.shape, "\(tensor.name)")
    }
    #expect(stored.isEmpty)
  }

  /// Whether a name is one of the parts in which gpt-oss stores its experts.
  private static func isPacked(_ name: String) -> Bool {
    name.contains(".experts.") && (name.hasSuffix("_proj_blocks") || name.hasSuffix("_proj_scales"))
  }

  @Test(arguments: Fixture.all) func whatIsWrittenIsTheSameModel(_ fixture: Fixture) throws {
    var model = try fixture.model()
    let written = try model.config(path: "config.json")
    let again = try #require(
      try fixture.family().model(fromConfig: .object(written), path: "again") as? DecoderModel)
    // A bare model whose head is tied is the same as one with the head.
    if model.tiesHead { model.hasHead = true }
    #expect(again.decoder == model.decoder)
    #expect(again.className == model.className)
    #expect(again.arithmetic == model.arithmetic)
    #expect(try again.config(path: "again") == written)
    let found = try #require(ModelFamilies.family(ofConfig: .object(written)))
    #expect(try type(of: found) == type(of: fixture.family()))
  }

  /// llama.cpp loads no GGUF of these without a head, or none with one that is not the embedding.
  @Test(
    arguments: [
      ("InternLM2ForCausalLM-plain", true), ("StableLmForCausalLM-plain", true), ("Qwen2MoeForCausalLM-plain", true),
      ("PhiForCausalLM-plain", true), ("Olmo2ForCausalLM-plain", true), ("Olmo3ForCausalLM-plain", true),
      ("OlmoeForCausalLM-plain", true), ("GPTNeoXForCausalLM-plain", true), ("GptOssForCausalLM-dense", true),
      ("GemmaForCausalLM-plain", false), ("Gemma2ForCausalLM-plain", false), ("CohereForCausalLM-plain", false),
      ("Cohere2ForCausalLM-plain", false),
    ])
  func aHeadThatNoGGUFHasIsRefused(_ fixture: String, _ isTied: Bool) throws {
    var model = try Fixture(name: fixture).model()
    model.tiesHead = !isTied
    #expect(throws: Never.self) { try model.configurationTensors(path: "m") }
    model.tiesHead = isTied
    let error = #expect(throws: FileError.self) { try model.configurationTensors(path: "m") }
    #expect(error?.code == .unsupported && error?.subject == "tie_word_embeddings")
  }

  /// `transformers` refuses a number with a point where it wants a whole one.
  @Test(arguments: Fixture.all) func wholeNumbersStayWhole(_ fixture: Fixture) throws {
    let config = try #require(try fixture.config().object)
    let own = config["text_config"]?.object ?? config
    for (key, value) in try fixture.model().config(path: "config.json") {
      guard case .integer = own[key] else { continue }
      #expect(value.isNull || value == .integer(value.int ?? 0), "\(key): \(value)")
    }
  }

  @Test func everyKindOfRoPEIsTold() throws {
    func told(_ name: String) throws -> String? {
      let fixture = try #require(Fixture.all.first { $0.name == name })
      return try fixture.model().overview.first { $0.label == "RoPE" }?.text
    }
    #expect(try told("Gemma3ForCausalLM-plain")?.split(separator: "; ").count == 2)
    #expect(try told("SmolLM3ForCausalLM-plain")?.contains("none in 1 layers") == true)
    #expect(try told("Qwen3ForCausalLM-plain")?.contains("layers") == false)
  }

  /// What is stored in a GGUF comes from tensors of the folder, and gives them again.
  @Test(arguments: Fixture.all) func namesGoBothWays(_ fixture: Fixture) throws {
    let model = try fixture.model()
    let names = model.expectedTensors.map(\.name).filter { !(model.tiesHead && $0 == model.tiedTensors.head) }
    guard model.family.ggufArchitecture != nil else {
      let error = #expect(throws: FileError.self) { try model.ggufTensors(fromHuggingFace: names, path: "m") }
      #expect(error?.code == .unsupported && error?.subject == "architectures")
      return
    }
    let stored = try model.ggufTensors(fromHuggingFace: names, path: "m")
    #expect(Set(stored.map(\.name)).count == stored.count)
    #expect(Set(stored.flatMap(\.derivation.sources)) == Set(names.map { TensorReference($0) }))
    let back = try model.huggingFaceTensors(fromGGUF: stored.map(\.name), path: "m.gguf")
    #expect(Set(back.map(\.name)) == Set(names))
    // One after the other is nothing at all.
    let derivations = Dictionary(uniqueKeysWithValues: stored.map { ($0.name, $0.derivation) })
    for tensor in back {
      #expect(tensor.derivation.substituting(derivations) == .source(named: tensor.name), "\(tensor.name)")
    }
  }
}
