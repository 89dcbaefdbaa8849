/// Random numbers that a seed makes again (SplitMix64). A failing test prints the seed.
public struct RandomNumbers: RandomNumberGenerator, Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }

  /// About normally distributed, as weights are: the sum of twelve uniform numbers.
  public mutating func normal(_ deviation: Float = 1) -> Float {
    var sum: Float = -6
    for _ in 0..<12 { sum += Float.random(in: 0..<1, using: &self) }
    return sum * deviation
  }

  public mutating func normals(_ count: Int, deviation: Float = 1) -> [Float] {
    (0..<count).map { _ in normal(deviation) }
  }
}
