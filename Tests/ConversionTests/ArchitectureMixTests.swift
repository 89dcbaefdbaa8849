import Foundation
import JSON
import Tensors
import Testing

@testable import Conversion

/// Which type each tensor gets in models of many architectures, against what llama-quantize chose
/// (Golden/make_architecture_mixes.py).
@Suite struct ArchitectureMixTests {
  @Test(arguments: RecordedModel.all)
  func typesAreThoseOfLlamaQuantize(_ model: RecordedModel) throws {
    try #require(!model.runs.isEmpty)
    for run in model.runs {
      let recipe = try Recipe(mix: run.mix, options: run.options.split(separator: " ").map(String.init))
      let pruning =
        recipe.prunedLayers.isEmpty
        ? nil : try LayerPruning(recipe.prunedLayers, of: model.circumstances.layerCount, path: "model")
      let tensors = model.tensors.compactMap { name, shape in
        (pruning.map { $0.name(for: name) } ?? name).map { ($0, shape) }
      }
      let expected = run.types(of: tensors.map(\.0), spared: model.spared)
      let chosen = try recipe.typeNames(of: tensors, model.circumstances)
      let wrong = expected.filter { chosen[$0.key] != $0.value }.map { name, type in
        "\(name): \(chosen[name] ?? "nothing"), not \(type)"
      }
      #expect(chosen.count == expected.count)
      #expect(wrong.isEmpty, "\(run.mix) \(run.options): \(wrong.sorted().prefix(4).joined(separator: "; "))")
    }
  }

  @Test func everyMixIsRecorded() {
    let recorded = RecordedModel.all.map { Set($0.runs.map(\.mix)) }
    let wanted = Set(NamedMix.all.map(\.name))
    #expect(recorded.count { $0.isSuperset(of: wanted) } >= 25)
  }

  /// A file may say anything of its model.
  @Test(arguments: [
    MetadataValue.uint64(.max), .int32(-1), .string("many"), .int64s([.max, 1]), .uint32s([]), .bools([]),
  ])
  func numbersOutOfReasonAreBorne(_ value: MetadataValue) throws {
    for architecture in ["llama", "nanbeige", "graniteswitch", "jais2", ""] {
      let circumstances = MixCircumstances(architecture: architecture) { _ in value }
      let recipe = Recipe(.mix(try #require(NamedMix.named("q4_k_m"))))
      let types = try recipe.typeNames(
        of: [("blk.0.ffn_down.weight", [256, 256]), ("blk.-7.attn_v.weight", [256, 256]), ("blk", [256, 256])],
        circumstances)
      #expect(types.count == 3)
    }
  }
}

/// A model as the script describes it, and what llama-quantize made of it.
struct RecordedModel: CustomTestStringConvertible, Sendable {
  struct Run: Sendable {
    let mix: String
    let options: String
    let most: String
    let others: [String: String]

    func types(of names: [String], spared: Set<String>) -> [String: String] {
      Dictionary(uniqueKeysWithValues: names.map { ($0, others[$0] ?? (spared.contains($0) ? "f16" : most)) })
    }
  }

  let name: String
  let circumstances: MixCircumstances
  let tensors: [(name: String, shape: [Int])]
  let spared: Set<String>
  let runs: [Run]

  var testDescription: String { name }

  static let all: [RecordedModel] = {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Golden/architecture_mixes.json"
    guard let data = FileManager.default.contents(atPath: path), let document = try? JSONValue(parsing: Array(data))
    else { return [] }
    return (document.object ?? [:]).sorted { $0.key < $1.key }.map { RecordedModel(name: $0.key, $0.value) }
  }()

  private init(name: String, _ document: JSONValue) {
    self.name = name
    let architecture = document["architecture"]?.string ?? ""
    let metadata = document["metadata"]
    circumstances = MixCircumstances(architecture: architecture) { key in
      let value = metadata?[String(key.dropFirst(architecture.count + 1))]
      if let numbers = value?.array { return .int32s(numbers.compactMap { $0.int.map(Int32.init) }) }
      return value?.int.map { .uint32(UInt32($0)) }
    }
    tensors = (document["tensors"]?.array ?? []).flatMap { entry in
      let shape = (entry.array?.last?.array ?? []).compactMap(\.int)
      return Self.expanded(entry.array?.first?.string ?? "").map { ($0, shape) }
    }
    spared = Set(Self.names(document["spared"]))
    runs = (document["outcomes"]?.array ?? []).flatMap { outcome in
      var others: [String: String] = [:]
      for (type, names) in outcome["others"]?.object ?? [:] {
        for name in Self.names(names) { others[name] = type }
      }
      return (outcome["runs"]?.object ?? [:]).flatMap { options, mixes in
        (mixes.string ?? "").split(separator: " ").map { text in
          let parts = text.split(separator: "=").map(String.init)
          return Run(
            mix: parts[0], options: options, most: parts.count > 1 ? parts[1] : NamedMix.named(parts[0])?.type ?? "",
            others: others)
        }
      }
    }
  }

  private static func names(_ patterns: JSONValue?) -> [String] {
    (patterns?.array ?? []).flatMap { expanded($0.string ?? "") }
  }

  /// The names that one with numbers in braces stands for: `{0-3,7}`.
  private static func expanded(_ name: String) -> [String] {
    let parts = name.split(omittingEmptySubsequences: false) { $0 == "{" || $0 == "}" }
    guard parts.count == 3 else { return [name] }
    return parts[1].split(separator: ",").flatMap { span in
      let ends = span.split(separator: "-").compactMap { Int($0) }
      return (ends[0]...(ends.last ?? ends[0])).map { "\(parts[0])\($0)\(parts[2])" }
    }
  }
}
