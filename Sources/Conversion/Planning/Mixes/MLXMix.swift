internal import Bytes

/// One of mlx-lm's recipes that give some modules more bits than others.
///
/// Source: mlx-lm `convert.py`, `mixed_quant_predicate_builder`.
public struct MLXMix: Hashable, Sendable {
  public let name: String
  let lowBits: Int
  let highBits: Int

  public static let all = [
    MLXMix(name: "mixed_2_6", lowBits: 2, highBits: 6), MLXMix(name: "mixed_3_4", lowBits: 3, highBits: 4),
    MLXMix(name: "mixed_3_6", lowBits: 3, highBits: 6), MLXMix(name: "mixed_4_6", lowBits: 4, highBits: 6),
  ]

  public static func named(_ name: String) -> MLXMix? { all.first { $0.name == name } }

  /// Every module gets few bits, the head and some of the value and down projections more.
  /// - Parameters:
  ///   - layerCount: of the model; 0 where it is not known.
  ///   - hasHead: whether there is a head apart from the embedding.
  public func recipe(_ request: GroupRequest, layerCount: Int, hasHead: Bool) throws(GroupRequest.Refusal) -> Recipe {
    let high = try request.type(named: "int\(highBits)")
    var recipe = Recipe(.linearLayers(try request.type(named: "int\(lowBits)")))
    let layers = (0..<layerCount).filter { layer in
      layer < layerCount / 8 || layer >= 7 * layerCount / 8 || (layer - layerCount / 8) % 3 == 2
    }
    let numbers = layers.map(String.init).joined(separator: "|")
    let patterns =
      (hasHead ? ["lm_head"] : [])
      + (layers.isEmpty ? [] : ["\\.(\(numbers))\\..*(v_proj|v_a_proj|v_b_proj|down_proj)"])
    for pattern in patterns {
      // These are expressions that are always taken.
      guard let override = try? Recipe.Override(pattern: pattern, type: high) else { continue }
      recipe.overrides.append(override)
    }
    return recipe
  }
}
