import Foundation
import JSON
import Testing

@testable import Conversion

/// Which type each tensor gets, against what llama-quantize chose (Golden/make_mixes.py).
@Suite struct MixTests {
  @Test(arguments: MixCase.all)
  func typesAreThoseOfLlamaQuantize(_ expected: MixCase) throws {
    let recipe = try expected.recipe()
    let model = expected.model
    let pruning = try LayerPruning(recipe.prunedLayers, of: model.layers, path: "model")
    let candidates = model.tensors.compactMap { tensor in
      pruning.name(for: tensor.name).map { Recipe.Candidate(name: $0, shape: tensor.shape) }
    }
    let choices = try recipe.choices(
      for: candidates, layerCount: model.layers, queriesPerKey: model.heads / model.keys)

    var chosen: [String: String] = [:]
    for (candidate, choice) in zip(candidates, choices) where candidate.shape.count > 1 {
      switch choice {
      case .kept: chosen[candidate.name] = "f16"
      case .type(let type):
        chosen[candidate.name] = try recipe.fitting(
          type, name: candidate.name, columns: candidate.columns, path: "model"
        ).type.name
      }
    }
    #expect(chosen == expected.types(of: candidates.filter { $0.shape.count > 1 }.map(\.name)))
    #expect(recipe.fileType == expected.fileType)
  }

  @Test func everyMixIsRecorded() {
    #expect(Set(MixCase.all.map(\.mix)).isSuperset(of: NamedMix.all.map(\.name)))
    #expect(Set(MixCase.all.map(\.mix)).isSuperset(of: NamedMix.all.flatMap(\.aliases)))
  }
}

/// One run of llama-quantize.
struct MixCase: CustomTestStringConvertible, Sendable {
  struct Model: Sendable {
    let layers, width, inner, heads, keys: Int
    let isTied: Bool

    /// Names and shapes, as in the script.
    var tensors: [(name: String, shape: [Int])] {
      let keyRows = width / heads * keys
      let global = [("token_embd.weight", [64, width]), ("output_norm.weight", [width])]
      let head = isTied ? [] : [("output.weight", [64, width])]
      return global + head
        + (0..<layers).flatMap { layer in
          [
            ("attn_norm", [width]), ("attn_q", [width, width]), ("attn_k", [keyRows, width]),
            ("attn_v", [keyRows, width]), ("attn_output", [width, width]), ("ffn_norm", [width]),
            ("ffn_gate", [inner, width]), ("ffn_up", [inner, width]), ("ffn_down", [width, inner]),
          ].map { ("blk.\(layer).\($0).weight", $1) }
        }
    }
  }

  let name: String
  let model: Model
  let options: [String]
  let mix: String
  let fileType: UInt32
  let most: String
  let others: [String: String]

  var testDescription: String { "\(mix) of \(name) \(options.joined(separator: " "))" }

  static let all: [MixCase] = {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Golden/mixes.json"
    guard let data = FileManager.default.contents(atPath: path), let document = try? JSONValue(parsing: Array(data))
    else { return [] }
    return (document["cases"]?.array ?? []).compactMap { entry in MixCase(entry, models: document["models"]) }
  }()

  /// nil for what llama-quantize refused.
  private init?(_ entry: JSONValue, models: JSONValue?) {
    guard let name = entry["model"]?.string, let model = models?[name], let mix = entry["mix"]?.string,
      let options = entry["options"]?.string, let most = entry["most"]?.string, let fileType = entry["file_type"]?.int,
      let layers = model["layers"]?.int, let width = model["width"]?.int, let inner = model["inner"]?.int,
      let heads = model["heads"]?.int, let keys = model["keys"]?.int, let tied = model["tied"]?.bool
    else { return nil }
    self.name = name
    self.model = Model(layers: layers, width: width, inner: inner, heads: heads, keys: keys, isTied: tied)
    self.options = options.split(separator: " ").map(String.init)
    self.mix = mix
    self.fileType = UInt32(fileType)
    self.most = most
    var others: [String: String] = [:]
    for (type, names) in entry["others"]?.object ?? [:] {
      for name in names.array ?? [] { others[name.string ?? ""] = type }
    }
    self.others = others
  }

  func types(of names: [String]) -> [String: String] {
    Dictionary(uniqueKeysWithValues: names.map { ($0, others[$0] ?? most) })
  }

  func recipe() throws -> Recipe {
    let mix = try #require(NamedMix.named(mix))
    var recipe = Recipe(.mix(mix))
    var rest = options[...]
    func value() throws -> String {
      let value = rest.popFirst()
      return try #require(value)
    }
    while let option = rest.popFirst() {
      switch option {
      case "--pure":
        recipe.rule = .everyMatrix(try TargetType(named: mix.type))
      case "--leave-output-tensor":
        recipe.leavesOutput = true
      case "--output-tensor-type":
        recipe.outputType = try TargetType(named: try value())
      case "--token-embedding-type":
        recipe.embeddingType = try TargetType(named: try value())
      case "--tensor-type":
        let parts = try value().split(separator: "=").map(String.init)
        recipe.overrides.append(try Recipe.Override(pattern: parts[0], type: try TargetType(named: parts[1])))
      case "--prune-layers":
        recipe.prunedLayers = Set(try value().split(separator: ",").compactMap { Int($0) })
      case "--imatrix":
        recipe.importance = ImportanceMatrix(entries: [:], chunkCount: 1, chunkSize: nil)
      default:
        Issue.record("unknown option \(option)")
      }
    }
    return recipe
  }
}
