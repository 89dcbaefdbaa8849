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
    let tensors = model.tensors.compactMap { tensor in pruning.name(for: tensor.name).map { ($0, tensor.shape) } }
    let matrices = tensors.filter { $0.1.count > 1 }.map(\.0)
    let chosen = try recipe.typeNames(of: tensors, model.circumstances).filter { matrices.contains($0.key) }
    #expect(chosen == expected.types(of: matrices))
    #expect(recipe.fileType == expected.fileType)
  }

  @Test func everyMixIsRecorded() {
    #expect(Set(MixCase.all.map(\.mix)).isSuperset(of: NamedMix.all.map(\.name)))
    #expect(Set(MixCase.all.map(\.mix)).isSuperset(of: NamedMix.all.flatMap(\.aliases)))
  }
}

extension Recipe {
  /// From llama-quantize's arguments.
  init(mix name: String, options: [String]) throws {
    let mix = try #require(NamedMix.named(name))
    self.init(.mix(mix))
    var rest = options[...]
    func value() throws -> String {
      let value = rest.popFirst()
      return try #require(value)
    }
    while let option = rest.popFirst() {
      switch option {
      case "--pure":
        rule = .everyMatrix(try TargetType(named: mix.type))
      case "--leave-output-tensor":
        leavesOutput = true
      case "--output-tensor-type":
        outputType = try TargetType(named: try value())
      case "--token-embedding-type":
        embeddingType = try TargetType(named: try value())
      case "--tensor-type":
        let parts = try value().split(separator: "=").map(String.init)
        overrides.append(try Override(pattern: parts[0], type: try TargetType(named: parts[1])))
      case "--prune-layers":
        prunedLayers = Set(try value().split(separator: ",").compactMap { Int($0) })
      case "--imatrix":
        importance = ImportanceMatrix(entries: [:], chunkCount: 1, chunkSize: nil)
      default:
        Issue.record("unknown option \(option)")
      }
    }
  }

  /// The type of each tensor of a model in F16.
  func typeNames(
    of tensors: [(name: String, shape: [Int])], _ circumstances: MixCircumstances
  ) throws -> [String: String] {
    var names: [String: String] = [:]
    for (tensor, choice) in zip(tensors, try choices(for: tensors, circumstances)) {
      switch choice {
      case .kept, .layout: names[tensor.name] = "f16"
      case .type(let type):
        let columns = try #require(tensor.shape.last)
        names[tensor.name] = try fitting(type, name: tensor.name, columns: columns, path: "model").type.name
      }
    }
    return names
  }
}

/// One run of llama-quantize.
struct MixCase: CustomTestStringConvertible, Sendable {
  struct Model: Sendable {
    let layers, width, inner, heads, keys: Int
    let isTied: Bool

    var circumstances: MixCircumstances {
      var result = MixCircumstances()
      result.architecture = "llama"
      (result.layerCount, result.headCount, result.keyValueHeadCount) = (layers, heads, keys)
      return result
    }

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

  func recipe() throws -> Recipe { try Recipe(mix: mix, options: options) }
}
