extension ForwardPass {
  /// A linear layer and what tells it from all others of the model.
  public struct NamedLinear: Hashable, Sendable {
    /// The name of the tensor that the weight comes from, a number behind it where several do, and the number of the
    /// expert: `model.layers.0.mlp.experts.gate_up_proj#1@3/8`.
    public var key: String
    public var linear: Linear
    /// The layer it belongs to; nil outside of layers.
    public var layer: Int?
  }

  /// All linear layers in the order of the operations, the head last. Experts are one each.
  public var linears: [NamedLinear] {
    var result: [NamedLinear] = []
    var counts: [String: Int] = [:]
    func add(_ linear: Linear, _ layer: Int?, expert: (number: Int, count: Int)? = nil) {
      let name = linear.weight.name + (expert.map { "@\($0.number)/\($0.count)" } ?? "")
      let number = counts[name, default: 0]
      counts[name] = number + 1
      let key =
        linear.weight.name + (number == 0 ? "" : "#\(number)") + (expert.map { "@\($0.number)/\($0.count)" } ?? "")
      result.append(NamedLinear(key: key, linear: linear, layer: layer))
    }
    for (number, operation) in operations.enumerated() {
      let layer = layers.firstIndex { $0.contains(number) }
      switch operation {
      case .project(let linears, _, _): for (linear, _) in linears { add(linear, layer) }
      case .gate(let gate, let up, _, _, _):
        add(gate, layer)
        add(up, layer)
      case .mix(let mixture, _, _):
        for linear in [mixture.gate, mixture.up, mixture.down].compactMap(\.self) {
          for expert in 0..<mixture.experts.count {
            add(linear.expert(expert, of: mixture.experts.count), layer, expert: (expert, mixture.experts.count))
          }
        }
      case .scaleByGate(let gate, _, _): add(gate, layer)
      case .embed, .addPositions, .normalize, .activate, .clamp, .attend, .add: break
      }
    }
    if let finalProjection { add(finalProjection, nil) }
    add(head, nil)
    return result
  }
}

extension ForwardPass.Linear {
  /// One of a stack of layers.
  public func expert(_ number: Int, of count: Int) -> ForwardPass.Linear {
    func part(_ weight: ForwardPass.Weight) -> ForwardPass.Weight {
      ForwardPass.Weight(
        weight.derivation.applying(StackedTensor(number, of: count)), shape: Array(weight.shape.dropFirst()),
        isOptional: weight.isOptional)
    }
    return ForwardPass.Linear(part(weight), bias: bias.map(part))
  }
}
