import Architectures
import Testing

/// What scaling does to the frequencies of rotary position embedding.
@Suite struct RotaryEmbeddingTests {
  @Test func frequenciesAreAGeometricSeries() {
    let frequencies = RotaryEmbedding(theta: 10_000).frequencies(dimension: 8, length: 1)
    for (found, expected) in zip(frequencies, [1, 0.1, 0.01, 0.001] as [Float]) {
      #expect(abs(found - expected) <= expected * 1e-6)
    }
    #expect(frequencies.count == 4)
  }

  @Test func linearScalingDividesAll() {
    let plain = RotaryEmbedding(theta: 10_000).frequencies(dimension: 8, length: 1)
    #expect(
      RotaryEmbedding(theta: 10_000, scaling: .linear(factor: 4)).frequencies(dimension: 8, length: 1)
        == plain.map { $0 / 4 })
  }

  /// Llama 3.2 1B: theta 500,000, factor 32, heads of 64.
  @Test func llama3KeepsShortWavelengthsAndStretchesLongOnes() {
    let rope = RotaryEmbedding(
      theta: 500_000,
      scaling: .llama3(factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 8192))
    let divisors = rope.frequencyDivisors(dimension: 64, length: 1)
    #expect(divisors.count == 32)
    #expect(divisors.prefix(15).allSatisfy { $0 == 1 })
    #expect(divisors.suffix(14).allSatisfy { $0 == 32 })
    #expect(zip(divisors, divisors.dropFirst()).allSatisfy { $0 <= $1 }, "a ramp between")
    #expect(divisors.contains { $0 > 1 && $0 < 32 })
  }

  @Test func divisorsAreTakenAsTheyAre() {
    let rope = RotaryEmbedding(theta: 10_000, scaling: .divisors([1, 2, 4, 8]))
    let plain = RotaryEmbedding(theta: 10_000).frequencies(dimension: 8, length: 1)
    #expect(rope.frequencies(dimension: 8, length: 1) == zip(plain, [1, 2, 4, 8]).map { $0 / $1 })
  }
}
