internal import RealModule

/// Parameters of rotary position embedding (RoPE) in the split-half form of Hugging Face checkpoints: element `j` of
/// a head is rotated with element `j + dimension / 2`.
public struct RotaryEmbedding: Hashable, Sendable {
  /// How frequencies are changed for contexts longer than the original one.
  public enum Scaling: Hashable, Sendable {
    case none
    /// All frequencies divided by `factor`.
    case linear(factor: Float)
    /// Llama 3.1: long wavelengths divided by `factor`, short ones kept, a smooth ramp between.
    case llama3(factor: Float, lowFrequencyFactor: Float, highFrequencyFactor: Float, originalContextLength: Int)
    /// What each frequency is divided by, as a GGUF's `rope_freqs.weight` lists it.
    case divisors([Float])
  }

  /// Base of the geometric series of wavelengths.
  public var theta: Float
  public var scaling: Scaling

  public init(theta: Float, scaling: Scaling = .none) {
    self.theta = theta
    self.scaling = scaling
  }

  /// Whether a GGUF needs the divisors spelled out; linear scaling has a key of its own.
  var needsFactorsTensor: Bool {
    switch scaling {
    case .none, .linear: false
    case .llama3, .divisors: true
    }
  }

  /// For each pair of elements, what its frequency is divided by: 1 without scaling. `dimension / 2` values.
  public func frequencyDivisors(dimension: Int) -> [Float] {
    let half = dimension / 2
    switch scaling {
    case .none:
      return Array(repeating: 1, count: half)
    case .linear(let factor):
      return Array(repeating: factor, count: half)
    case .divisors(let divisors):
      return divisors
    case .llama3(let factor, let low, let high, let original):
      return (0..<half).map { pair in
        let wavelength = 2 * Float.pi * Float.pow(theta, Float(2 * pair) / Float(dimension))
        if wavelength < Float(original) / high { return 1 }
        if wavelength > Float(original) / low { return factor }
        let smooth = (Float(original) / wavelength - low) / (high - low)
        return 1 / ((1 - smooth) / factor + smooth)
      }
    }
  }

  /// Radians a position for each pair of elements, scaling included. `dimension / 2` values.
  public func frequencies(dimension: Int) -> [Float] {
    frequencyDivisors(dimension: dimension).enumerated().map { pair, divisor in
      1 / Float.pow(theta, Float(2 * pair) / Float(dimension)) / divisor
    }
  }
}

extension RotaryEmbedding.Scaling {
  /// The scaling that gives these divisors: llama3's, where its usual settings do, otherwise the divisors themselves. A
  /// GGUF holds only the divisors, and config.json wants the settings.
  init(divisors: [Float], theta: Float) {
    let factor = divisors.max() ?? 1
    for originalContextLength in [8192, 4096, 16384, 32768] {
      let scaling = Self.llama3(
        factor: factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: originalContextLength)
      let own = RotaryEmbedding(theta: theta, scaling: scaling).frequencyDivisors(dimension: divisors.count * 2)
      // Every smooth part tells the settings; constant divisors would fit any.
      let isTelling = own.contains { $0 != 1 && $0 != factor }
      if isTelling, zip(own, divisors).allSatisfy({ abs($0 - $1) <= 1e-4 * $1 }) {
        self = scaling
        return
      }
    }
    self = .divisors(divisors)
  }
}
