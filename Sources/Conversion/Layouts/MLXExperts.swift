internal import Architectures
internal import Tensors

/// The experts of a layer as mlx-lm stacks them: `P.switch_mlp.gate_proj.weight` of `[experts, out, in]` for the
/// `P.experts.N.gate_proj.weight` of each, or what a family calls them. Source: mlx-lm `models/switch_layers.py` and the
/// `sanitize` of its models.
enum MLXExperts {
  static let marker = ".switch_mlp."
  private static let marks = ".experts."

  /// mlx-lm's name of a projection, and the names that families have for it.
  private static let projections: [(stacked: String, single: [String])] = [
    ("gate_proj", ["gate_proj", "w1"]), ("up_proj", ["up_proj", "w3"]), ("down_proj", ["down_proj", "w2"]),
  ]

  /// What gpt-oss has as one tensor, `P.experts.gate_up_proj` of `[experts, in, out]` with gates and ups in turn, and mlx-lm as
  /// several, `P.experts.gate_proj.weight` of `[experts, out, in]`. Source: mlx-lm `models/gpt_oss.py` (`sanitize`).
  private static let fusions: [(whole: String, parts: [String], fusion: Fusion)] = [
    ("gate_up_proj", ["gate_proj.weight", "up_proj.weight"], Fusion([1, 1], isTransposed: true)),
    (fusedBias, ["gate_proj.bias", "up_proj.bias"], Fusion([1, 1], isOfColumns: true)),
    ("down_proj", ["down_proj.weight"], Fusion([1], isTransposed: true)),
    ("down_proj_bias", ["down_proj.bias"], Fusion([1])),
  ]
  /// Only gpt-oss has one.
  private static let fusedBias = "gate_up_proj_bias"

  static func isStack(_ name: String) -> Bool {
    guard name.hasSuffix(".weight") else { return false }
    return name.contains(marker) || fusions.contains { $0.parts.contains { name.hasSuffix(marks + $0) } }
  }

  /// Each expert by itself, under the name that the model has for it. What a model has no such names for stays as it is.
  static func unstacked(
    _ tensors: [NamedDerivation], _ model: any Model, _ inputs: TensorInputs
  ) -> [NamedDerivation] {
    guard tensors.contains(where: { isStack($0.name) }) else { return tensors }
    return fused(tensors, model).flatMap { tensor -> [NamedDerivation] in
      guard let (prefix, names) = parts(of: tensor.name), let shape = try? inputs.shape(of: tensor.derivation),
        shape.count == 3, shape[0] > 0, shape[0] <= 1 << 16,
        let name = names.first(where: { model.usualName(of: "\(prefix)\(marks)0.\($0).weight") != nil })
      else { return [tensor] }
      return (0..<shape[0]).map { number in
        NamedDerivation(
          name: "\(prefix)\(marks)\(number).\(name).weight",
          derivation: tensor.derivation.applying(StackedTensor(number, of: shape[0])))
      }
    }
  }

  /// Those of gpt-oss as its own form has them, each at the place of its first part.
  private static func fused(_ tensors: [NamedDerivation], _ model: any Model) -> [NamedDerivation] {
    let all = Dictionary(tensors.map { ($0.name, $0.derivation) }, uniquingKeysWith: { first, _ in first })
    return tensors.flatMap { tensor -> [NamedDerivation] in
      guard let place = tensor.name.firstRange(of: marks) else { return [tensor] }
      let (prefix, rest) = (tensor.name[..<place.upperBound], tensor.name[place.upperBound...])
      guard let row = fusions.first(where: { $0.parts.contains(String(rest)) }),
        model.usualName(of: prefix + fusedBias) != nil
      else { return [tensor] }
      let parts = row.parts.compactMap { all[prefix + $0] }
      guard parts.count == row.parts.count else { return [tensor] }
      guard rest == row.parts[0] else { return [] }
      return [NamedDerivation(name: prefix + row.whole, derivation: row.fusion.whole(parts))]
    }
  }

  /// The same as mlx-lm has them.
  private static func divided(_ tensors: [NamedDerivation]) -> [NamedDerivation] {
    let prefixes = Set(
      tensors.lazy.map(\.name).filter { $0.hasSuffix(marks + fusedBias) }.map { $0.dropLast(fusedBias.count) })
    return tensors.flatMap { tensor -> [NamedDerivation] in
      guard let place = tensor.name.firstRange(of: marks), prefixes.contains(tensor.name[..<place.upperBound]),
        let row = fusions.first(where: { tensor.name[place.upperBound...] == $0.whole })
      else { return [tensor] }
      return row.parts.enumerated().map { number, part in
        NamedDerivation(
          name: tensor.name[..<place.upperBound] + part, derivation: row.fusion.part(number, of: tensor.derivation))
      }
    }
  }

  /// The path before the marker, and the names of the projection.
  private static func parts(of name: String) -> (prefix: String, names: [String])? {
    guard let place = name.firstRange(of: marker) else { return nil }
    let rest = name[place.upperBound...]
    guard let projection = projections.first(where: { rest == "\($0.stacked).weight" }) else { return nil }
    return (String(name[..<place.lowerBound]), projection.single)
  }

  /// The experts of each layer in stacks, at the places of the first ones. Layers whose experts are not numbered from 0 on
  /// stay as they are.
  static func stacked(_ tensors: [NamedDerivation]) -> [NamedDerivation] {
    var experts: [String: [Int: Derivation]] = [:]
    for tensor in tensors {
      guard let (stack, number) = stack(of: tensor.name) else { continue }
      experts[stack, default: [:]][number] = tensor.derivation
    }
    return divided(tensors).flatMap { tensor -> [NamedDerivation] in
      guard let (stack, number) = stack(of: tensor.name), let own = experts[stack] else { return [tensor] }
      let all = (0..<own.count).compactMap { own[$0] }
      guard all.count == own.count else { return [tensor] }
      return number == 0 ? [NamedDerivation(name: stack, derivation: .making(Stack(), of: all))] : []
    }
  }

  /// The stack that the weight of an expert belongs to, and its number there.
  private static func stack(of name: String) -> (name: String, number: Int)? {
    guard name.hasSuffix(".weight"), let place = name.firstRange(of: marks) else { return nil }
    let rest = name[place.upperBound...].split(separator: ".")
    guard rest.count == 3, let number = Int(rest[0]),
      let projection = projections.first(where: { $0.single.contains(String(rest[1])) })
    else { return nil }
    return ("\(name[..<place.lowerBound])\(marker)\(projection.stacked).weight", number)
  }
}
