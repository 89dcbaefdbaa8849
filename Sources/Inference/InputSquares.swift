internal import Bytes
@_spi(Benchmarks) public import Quantization
internal import Synchronization

/// The squares of what each linear layer is given, summed column by column over all tokens that a model has read. Sums
/// are whole numbers, so that they depend neither on the number of workers nor on how the text is divided.
public final class InputSquares: Sendable {
  /// The sums of one layer.
  public struct Layer: Hashable, Sendable {
    /// Name of the weight: `model.layers.0.mlp.up_proj.weight`.
    public let name: String
    /// As many as the weight has columns.
    public let sums: [SquareSum]
    /// Tokens in the sums.
    public let tokens: Int
  }

  /// Layers that are given the same, and the sums of that.
  public struct Group: Hashable, Sendable {
    public let names: [String]
    /// As many as the weights have columns.
    public fileprivate(set) var sums: [SquareSum]
    /// Tokens in the sums.
    public fileprivate(set) var tokens: Int

    public init(names: [String], sums: [SquareSum], tokens: Int) {
      self.names = names
      self.sums = sums
      self.tokens = tokens
    }
  }

  /// By the first of their names.
  private let byName: Mutex<[String: Group]>

  /// - Parameter groups: what has been seen already.
  public init(_ groups: [Group] = []) {
    byName = Mutex(
      Dictionary(groups.map { ($0.names.first ?? "", $0) }, uniquingKeysWith: { first, _ in first }))
  }

  /// What has been seen, sorted by name.
  public var groups: [Group] {
    byName.withLock { $0.sorted { $0.key < $1.key }.map(\.value) }
  }

  /// What has been seen of each layer, sorted by name.
  public var layers: [Layer] {
    byName.withLock {
      $0.values.flatMap { group in group.names.map { Layer(name: $0, sums: group.sums, tokens: group.tokens) } }
    }
    .sorted { $0.name < $1.name }
  }
}

/// A layer is given what is infinite, too large to be added up, or no number.
struct UncountableInput: Error {
  let layer: String
}

extension InputSquares: InputObserver {
  func observe(_ inputs: MatrixPart, of layers: [String], workers: Workers) async throws {
    guard let key = layers.first else { return }
    let before = byName.withLock { $0[key]?.sums } ?? Array(repeating: .zero, count: inputs.columns.count)
    guard before.count == inputs.columns.count else {
      throw FileError(
        .mismatch, path: key, "is given \(inputs.columns.count) columns, but was given \(before.count) before")
    }
    let panels = Panel.pieces(inputs.columns.count, of: Panel.rows(of: inputs.columns.count, columns: 1))
    let sums = try await workers.map(panels.count) { number, _ in
      var sums = Array(before[panels[number]])
      guard KernelSet.best.addSquaresExactly(of: inputs.columns(panels[number]), to: &sums) else {
        throw UncountableInput(layer: key)
      }
      return sums
    }
    byName.withLock { groups in
      var group = groups[key] ?? Group(names: layers, sums: [], tokens: 0)
      group.sums = sums.flatMap { $0 }
      group.tokens += inputs.rows.count
      groups[key] = group
    }
  }
}
