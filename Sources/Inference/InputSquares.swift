internal import Synchronization

/// The squares of what each linear layer is given, summed column by column over all tokens that a model has read. Sums
/// are taken in Double, token after token, so that they do not depend on the number of workers.
public final class InputSquares: Sendable {
  /// The sums of one layer.
  public struct Layer: Hashable, Sendable {
    /// Name of the weight: `model.layers.0.mlp.up_proj.weight`.
    public let name: String
    /// As many as the weight has columns.
    public let sums: [Double]
    /// Tokens in the sums.
    public let tokens: Int
  }

  private struct Group {
    /// Layers that are given the same.
    let names: [String]
    var sums: [Double]
    var tokens: Int
  }

  /// By the first of their names.
  private let groups = Mutex<[String: Group]>([:])

  public init() {}

  /// What has been seen of each layer, sorted by name.
  public var layers: [Layer] {
    groups.withLock {
      $0.values.flatMap { group in group.names.map { Layer(name: $0, sums: group.sums, tokens: group.tokens) } }
    }
    .sorted { $0.name < $1.name }
  }
}

extension InputSquares: InputObserver {
  func observe(_ inputs: Matrix, of layers: [String], workers: Workers) async throws {
    guard let key = layers.first else { return }
    let before = groups.withLock { $0[key]?.sums } ?? Array(repeating: 0, count: inputs.columns)
    precondition(before.count == inputs.columns, "a layer's inputs are all of one width")
    let panels = Panel.pieces(inputs.columns, of: Panel.rows(of: inputs.columns))
    let sums = try await workers.map(panels.count) { number, _ in
      var sums = Array(before[panels[number]])
      Kernels.addSquares(of: inputs.part(columns: panels[number]), to: &sums)
      return sums
    }
    groups.withLock { groups in
      var group = groups[key] ?? Group(names: layers, sums: [], tokens: 0)
      group.sums = sums.flatMap { $0 }
      group.tokens += inputs.rows
      groups[key] = group
    }
  }
}
