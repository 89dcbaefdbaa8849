/// A change of a weight `[..., out, in]` as a product: `up [..., out, rank]` times `down [..., rank, in]`.
public struct FactorPair: Hashable, Sendable {
  public var down: Derivation
  public var up: Derivation

  public init(down: Derivation, up: Derivation) {
    self.down = down
    self.up = up
  }

  /// The change with its two innermost dimensions the other way round.
  public var transposed: FactorPair {
    FactorPair(down: up.applying(Transposition()), up: down.applying(Transposition()))
  }
}
