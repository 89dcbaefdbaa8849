/// Random numbers by their places: number `n` of stream `s` is known without those before it, so that work can be divided in any way.
/// Source: Salmon et al. 2011, Philox4x32-10.
struct CounterGenerator: Sendable {
  private let key: (UInt32, UInt32)

  init(seed: UInt64) { key = (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)) }

  /// Four words for a place.
  func words(_ counter: (UInt32, UInt32, UInt32, UInt32)) -> (UInt32, UInt32, UInt32, UInt32) {
    var (counter, key) = (counter, key)
    for round in 0..<10 {
      if round > 0 { key = (key.0 &+ 0x9E37_79B9, key.1 &+ 0xBB67_AE85) }
      let first = UInt64(counter.0) * 0xD251_1F53
      let second = UInt64(counter.2) * 0xCD9E_8D57
      counter = (
        UInt32(second >> 32) ^ counter.1 ^ key.0, UInt32(truncatingIfNeeded: second),
        UInt32(first >> 32) ^ counter.3 ^ key.1, UInt32(truncatingIfNeeded: first)
      )
    }
    return counter
  }

  /// A number of [0, 1) with 53 bits.
  func uniform(stream: UInt64, number: UInt64) -> Double {
    let words = words(
      (
        UInt32(truncatingIfNeeded: number), UInt32(truncatingIfNeeded: number >> 32),
        UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32)
      ))
    return Double((UInt64(words.0) << 32 | UInt64(words.1)) >> 11) * 0x1p-53
  }
}
