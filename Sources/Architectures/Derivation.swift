/// A tensor of one of the inputs: number 0 is the model, the adapters follow.
public struct TensorReference: Hashable, Sendable {
  public var input: Int
  public var name: String

  public init(_ name: String, input: Int = 0) {
    self.name = name
    self.input = input
  }
}

/// How an output tensor comes from input tensors: a small value that a plan holds and the pour carries out, slab by
/// slab.
public indirect enum Derivation: Hashable, Sendable {
  /// The input tensor as it is.
  case source(TensorReference)
  /// Rows in another order.
  case reordered(Derivation, RowOrder)
  /// A low-rank adapter added, in F32.
  case adding(Derivation, LowRankUpdate)
  /// A tensor of the same shape added, times `scale`, in F32.
  case addingScaled(Derivation, TensorReference, scale: Float)
  /// Some rows replaced by those of another tensor, in its order.
  case replacingRows(Derivation, TensorReference, rows: [Int])
  /// A part taken out before an adapter is added: what the adapter began with.
  case without(Derivation, ColumnSpan)
  /// Values that follow from the configuration alone.
  case constant(values: [Float])

  /// Two opposite orders cancel.
  public func reordered(_ order: RowOrder) -> Derivation {
    if case .reordered(let inner, order.inverse) = self { return inner }
    return .reordered(self, order)
  }

  /// The inputs this needs, in order.
  public var sources: [TensorReference] {
    switch self {
    case .source(let reference): [reference]
    case .reordered(let inner, _), .without(let inner, _): inner.sources
    case .adding(let inner, let update): inner.sources + update.sources
    case .addingScaled(let inner, let addend, _): inner.sources + [addend]
    case .replacingRows(let inner, let rows, _): inner.sources + [rows]
    case .constant: []
    }
  }

  /// Whether encoded rows can be copied without decoding them: nothing changes but their order.
  public var keepsRows: Bool {
    switch self {
    case .source: true
    case .reordered(let inner, _): inner.keepsRows
    case .adding, .addingScaled, .replacingRows, .without, .constant: false
    }
  }

  /// What adapters were put onto.
  public var unadapted: Derivation {
    switch self {
    case .adding(let inner, _), .addingScaled(let inner, _, _), .replacingRows(let inner, _, _): inner.unadapted
    case .source, .reordered, .without, .constant: self
    }
  }

  /// This with another tensor under the adapters.
  public func onBase(_ base: Derivation) -> Derivation {
    switch self {
    case .adding(let inner, let update): .adding(inner.onBase(base), update)
    case .addingScaled(let inner, let addend, let scale): .addingScaled(inner.onBase(base), addend, scale: scale)
    case .replacingRows(let inner, let replacement, let rows):
      .replacingRows(inner.onBase(base), replacement, rows: rows)
    case .source, .reordered, .without, .constant: base
    }
  }

  /// The rows that adapters have replaced.
  public var replacedRows: [Int] {
    switch self {
    case .adding(let inner, _), .addingScaled(let inner, _, _): inner.replacedRows
    case .replacingRows(let inner, _, let rows): inner.replacedRows + rows
    case .source, .reordered, .without, .constant: []
    }
  }
}

/// What an adapter adds to one weight `W [out, in]`: `W + scale * up * down`, with `down [rank, in]` and
/// `up [out, rank]`; names are the adapter's tensors.
public struct LowRankUpdate: Hashable, Sendable {
  public var down: TensorReference
  public var up: TensorReference
  public var rank: Int
  /// Alpha over rank, or over its square root for rsLoRA, times the weight given on the command line.
  public var scale: Float
  /// The factors are stored transposed, as PEFT does for embeddings: `down [rank, rows]`, `up [columns, rank]`, and the
  /// product is transposed before it is added.
  public var isTransposed: Bool
  /// DoRA: the length that each row of the sum is given, or each column where the factors are transposed. What a sum is
  /// divided by is the length of the model's own weight with this update alone, whatever was added before.
  public var magnitude: TensorReference?

  public init(
    down: TensorReference, up: TensorReference, rank: Int, scale: Float, isTransposed: Bool = false,
    magnitude: TensorReference? = nil
  ) {
    self.down = down
    self.up = up
    self.rank = rank
    self.scale = scale
    self.isTransposed = isTransposed
    self.magnitude = magnitude
  }

  public var sources: [TensorReference] { [down, up] + (magnitude.map { [$0] } ?? []) }
}
