/// A linear layer other than the head, by what quantizers have to know of it.
public enum LinearLayer: Hashable, Sendable {
  /// A `Linear` of torch: its weight is stored `[out, in]`.
  case plain
  /// A `Conv1D` of transformers: its weight is stored `[in, out]`, and `[out, in]` where it is quantized.
  case transposed
  /// An expert: transformers has them in a stack, which its quantizers leave alone.
  case expert
  /// One of a class of its own in transformers, which its quantizers leave alone.
  case unusual

  /// Whether the quantizers of transformers leave it alone, and open no folder in which it is quantized.
  public var isLeftAlone: Bool { self == .expert || self == .unusual }
}
