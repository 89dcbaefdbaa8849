/// How several parts of a model lie in one tensor, one after another in groups of rows.
public struct Fusion: Hashable, Sendable {
  /// Rows of a group that each part has.
  public let counts: [Int]
  /// Whether the tensor is stored `[in, out]`, so that its parts are columns of it.
  public let isTransposed: Bool
  /// Whether parts are columns of what is not transposed: biases of a stack.
  public let isOfColumns: Bool

  public init(_ counts: [Int], isTransposed: Bool = false, isOfColumns: Bool = false) {
    self.counts = counts
    self.isTransposed = isTransposed
    self.isOfColumns = isOfColumns
  }

  /// One part of the tensor.
  package func part(_ number: Int, of whole: Derivation) -> Derivation {
    let plain = isTransposed ? whole.applying(Transposition()) : whole
    guard counts.count > 1 else { return plain }
    let (place, size) = (MergedRows(counts).places[number], counts.reduce(0, +))
    return plain.applying(
      isOfColumns
        ? GroupedColumns(place, ofEach: size) as any TensorTransform : GroupedRows(place, ofEach: size))
  }

  /// The tensor of all parts.
  package func whole(_ parts: [Derivation]) -> Derivation {
    let plain =
      parts.count == 1
      ? parts[0] : .making(isOfColumns ? MergedColumns(counts) as any TensorTransform : MergedRows(counts), of: parts)
    return isTransposed ? plain.applying(Transposition()) : plain
  }
}
