internal import Architectures
internal import Bytes
internal import Tensors

extension Checkpoint {
  /// A weight whose groups are not runs of columns, and could be: it is the last product of a feed-forward network.
  struct OrderedWeight {
    /// The weight with its columns in the order of their groups.
    let weight: GroupedWeight
    /// How it and its neighbours come about then, under names of the Hugging Face form.
    let tensors: [NamedDerivation]
  }

  /// Those weights, by the names that the model's tensors have.
  var orderedWeights: [String: OrderedWeight] {
    guard let model, adapters.isEmpty else { return [:] }
    let stored = Set(tensors.map(\.name))
    var found: [String: OrderedWeight] = [:]
    for tensor in tensors {
      guard case .source(let reference) = tensor.derivation, let weight = try? inputs.tensor(reference),
        let sorted = (weight as? GroupedWeight)?.inOrderOfGroups,
        let neighbours = model.reordering(sorted.order, neuronsOf: tensor.name)
      else { continue }
      // A bias that is not stored is zero in any order.
      found[tensor.name] = OrderedWeight(
        weight: sorted.weight, tensors: neighbours.filter { stored.contains($0.name) || $0.name.hasSuffix("weight") })
    }
    return found.filter { $0.value.tensors.allSatisfy { stored.contains($0.name) } }
  }

  /// The same model, with the inner neurons of feed-forward networks in the order of the groups of these weights.
  func reordering(_ ordered: [OrderedWeight]) -> Checkpoint {
    guard !ordered.isEmpty else { return self }
    var result = self
    result.inputs = inputs.replacing(
      Dictionary(ordered.map { ($0.weight.name, $0.weight) }, uniquingKeysWith: { first, _ in first }))
    let own = Dictionary(tensors.map { ($0.name, $0.derivation) }, uniquingKeysWith: { first, _ in first })
    let changed = Dictionary(
      ordered.flatMap(\.tensors).map { ($0.name, $0.derivation.substituting(own)) },
      uniquingKeysWith: { first, _ in first }
    )
    for index in result.tensors.indices {
      guard let derivation = changed[result.tensors[index].name] else { continue }
      result.tensors[index].derivation = derivation
    }
    result.unmergedTensors = result.tensors
    result.hasReorderedNeurons = true
    return result
  }

  /// Tensors of the Hugging Face form that depend on the order of inner neurons.
  package var tensorsOfNeurons: Set<String> {
    guard let model else { return [] }
    return Set(
      tensors.flatMap { tensor in
        model.reordering([], neuronsOf: tensor.name).map { [tensor.name] + $0.map(\.name) } ?? []
      })
  }
}
