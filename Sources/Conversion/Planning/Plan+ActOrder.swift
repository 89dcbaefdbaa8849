internal import Architectures
internal import Bytes
internal import Tensors

extension Plan {
  /// Plans a conversion in which columns in act-order may be put in the order of their groups, for all weights that are
  /// kept exactly only so.
  /// - Returns: what the plan is of, and what is to be told.
  static func undoingActOrder(
    of checkpoint: Checkpoint, to destination: Destination, _ recipe: Recipe, version: String, workers: Int
  ) throws(FileError) -> (checkpoint: Checkpoint, notes: [Note]) {
    guard recipe.undoesActOrder else { return (checkpoint, []) }
    guard recipe.importance == nil, checkpoint.adapters.isEmpty else {
      throw FileError(
        .unsupported, path: checkpoint.path,
        "act-order is not undone together with adapters or an importance matrix: they know the neurons by their places, and would "
          + "not fit afterwards either")
    }
    let ordered = checkpoint.orderedWeights
    guard !ordered.isEmpty else {
      return (
        checkpoint,
        [Note("nothing is in act-order that could be undone: only that of a feed-forward network's last product can")]
      )
    }
    var recipe = recipe
    recipe.undoesActOrder = false
    recipe.isExactOnly = false
    let before = try Plan(of: checkpoint, to: destination, recipe, version: version, workers: workers)
    let after = try Plan(
      of: checkpoint.reordering(Array(ordered.values)), to: destination, recipe, version: version,
      workers: workers)
    /// The weights behind outputs that are exact.
    func exact(_ plan: Plan) -> Set<String> {
      Set(plan.tensors.filter(\.cost.isExact).flatMap { $0.rows.derivation.sources.map(\.name) })
    }
    let (isKept, couldBeKept) = (exact(before), exact(after))
    func names(_ isMeant: (String) -> Bool) -> [String] { ordered.filter { isMeant($0.value.weight.name) }.map(\.key) }
    var notes: [Note] = []
    func tell(_ cause: String, of names: [String]) { if !names.isEmpty { notes.append(Note(cause, of: names)) } }
    tell("its act-order is left, since its codes are kept with it", of: names(isKept.contains))
    tell(
      "its act-order is left, since its codes would not be kept without it either",
      of: names { !isKept.contains($0) && !couldBeKept.contains($0) })
    let gained = names { !isKept.contains($0) && couldBeKept.contains($0) }
    tell(
      "its act-order is undone: the neurons of the network are in another order, the model computes the same, and adapters "
        + "and importance matrices of the original do not fit", of: gained)
    return (checkpoint.reordering(gained.compactMap { ordered[$0] }), notes)
  }

  /// What knows the neurons of the original by their places.
  static func notes(ofReorderedNeurons checkpoint: Checkpoint, _ recipe: Recipe) -> [Note] {
    let what = [
      checkpoint.adapters.isEmpty ? nil : "an adapter", recipe.importance == nil ? nil : "an importance matrix",
    ].compactMap(\.self).joined(separator: " or ")
    guard checkpoint.hasReorderedNeurons, !what.isEmpty else { return [] }
    return [
      Note(
        "\(checkpoint.path) has the neurons of its feed-forward networks in another order than the original (act-order was "
          + "undone): \(what) that was made for the original gives a wrong result, one made for this model fits")
    ]
  }

  /// What could be kept if act-order were undone.
  static func notes(ofActOrder tensors: [PlannedTensor], _ checkpoint: Checkpoint, _ recipe: Recipe) -> [Note] {
    guard !recipe.undoesActOrder, tensors.contains(where: { $0.isSourceQuantized && !$0.cost.isExact }) else {
      return []
    }
    let inexact = Set(tensors.filter { !$0.cost.isExact }.flatMap { $0.rows.derivation.sources.map(\.name) })
    let names = checkpoint.orderedWeights.filter { inexact.contains($0.value.weight.name) }.map(\.key)
    guard !names.isEmpty else { return [] }
    return [
      Note(
        "its groups are not runs of columns (act-order), so its codes are not kept", of: names, remedy: .undoActOrder)
    ]
  }
}
