internal import Architectures

/// A norm with the values of its tensors.
struct LoadedNorm: Sendable {
  let norm: Norm
  /// The offset is in them; empty for none.
  let weight: [Float]
  let bias: [Float]
  let heads: Int

  /// The weights of one head: those that all heads share, or its own. Empty for none.
  func weight(ofHead head: Int, width: Int) -> [Float] { Self.part(of: weight, head, width) }
  func bias(ofHead head: Int, width: Int) -> [Float] { Self.part(of: bias, head, width) }

  private static func part(of values: [Float], _ head: Int, _ width: Int) -> [Float] {
    values.count <= width ? values : Array(values[head * width..<(head + 1) * width])
  }
}
