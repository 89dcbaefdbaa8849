public import Bytes
internal import RealModule

/// Parameters of rotary position embedding (RoPE) in the split-half form of Hugging Face checkpoints: element `j` of
/// a head is rotated with element `j + dimension / 2`.
public struct RotaryEmbedding: Hashable, Sendable {
  /// How frequencies are changed for contexts longer than the original one. What each kind does is in
  /// `Formats/HuggingFace/SPEC.md`.
  public enum Scaling: Hashable, Sendable {
    case none
    /// All frequencies divided by `factor`.
    case linear(factor: Float)
    /// Llama 3.1: long wavelengths divided by `factor`, short ones kept, a smooth ramp between.
    case llama3(factor: Float, lowFrequencyFactor: Float, highFrequencyFactor: Float, originalContextLength: Int)
    /// Texts longer than the context have a larger theta, which grows with them.
    case dynamic(factor: Float, contextLength: Int)
    case yarn(YarnScaling)
    case longRope(LongRopeScaling)
    /// All frequencies divided by `factor`, and only a share of the pairs turned at all, the fastest.
    case proportional(factor: Float, share: Double)
    /// What each frequency is divided by, as a GGUF's `rope_freqs.weight` lists it.
    case divisors([Float])
    /// What the file says cannot be followed, and why. Jobs that leave RoPE as it stands need not know more.
    case notUnderstood(FileError)
  }

  /// Base of the geometric series of wavelengths.
  public var theta: Float
  public var scaling: Scaling
  /// What cosines and sines are multiplied by.
  public var attentionFactor: Float

  public init(theta: Float, scaling: Scaling = .none, attentionFactor: Float = 1) {
    self.theta = theta
    self.scaling = scaling
    self.attentionFactor = attentionFactor
  }

  /// Divides the frequency of a pair that is not turned; llama.cpp's number for it.
  static let standstill: Float = 1e30

  /// For each pair of elements, what its frequency is divided by in a text of `length` tokens: 1 without scaling.
  /// `dimension / 2` values where the settings fit the head, none where they are not understood.
  public func frequencyDivisors(dimension: Int, length: Int) -> [Float] {
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
    case .dynamic(let factor, let contextLength):
      guard length > contextLength else { return Array(repeating: 1, count: half) }
      let stretch = factor * Float(length) / Float(contextLength) - (factor - 1)
      // Theta grows by stretch ^ (dimension / (dimension - 2)).
      return (0..<half).map { Float.pow(stretch, Float(2 * $0) / Float(dimension - 2)) }
    case .yarn(let yarn):
      return yarn.frequencyDivisors(theta: theta, dimension: dimension)
    case .longRope(let longRope):
      return length > longRope.originalContextLength ? longRope.longDivisors : longRope.shortDivisors
    case .proportional(let factor, let share):
      let turned = Int(min(share, 1) * Double(dimension) / 2)
      return (0..<half).map { $0 < turned ? factor : Self.standstill }
    case .notUnderstood:
      return []
    }
  }

  /// Radians a position for each pair of elements in a text of `length` tokens, scaling included. As many values as
  /// there are divisors.
  public func frequencies(dimension: Int, length: Int) -> [Float] {
    frequencyDivisors(dimension: dimension, length: length).enumerated().map { pair, divisor in
      1 / Float.pow(theta, Float(2 * pair) / Float(dimension)) / divisor
    }
  }

  /// For jobs that need to know how heads are turned.
  /// - Throws: the `FileError` that says what is not understood.
  public func checkUnderstood() throws(FileError) {
    if case .notUnderstood(let error) = scaling { throw error }
  }

  /// Whether both turn heads of `dimension` elements alike in texts of every length, whatever they are called.
  public func agrees(with other: RotaryEmbedding, dimension: Int) -> Bool {
    func near(_ one: Float, _ other: Float) -> Bool { abs(one - other) <= 1e-5 * abs(other) }
    guard near(attentionFactor, other.attentionFactor) else { return false }
    // Lengths up to which nothing changes.
    let lengths = [self, other].compactMap { rope -> Int? in
      switch rope.scaling {
      case .longRope(let longRope): longRope.originalContextLength
      case .dynamic(_, let contextLength): contextLength
      default: nil
      }
    }
    return ([1] + lengths + lengths.map { $0 + 1 }).allSatisfy { length in
      let own = frequencies(dimension: dimension, length: length)
      let others = other.frequencies(dimension: dimension, length: length)
      return own.count == others.count && !own.isEmpty && zip(own, others).allSatisfy(near)
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
      let own = RotaryEmbedding(theta: theta, scaling: scaling)
        .frequencyDivisors(dimension: divisors.count * 2, length: 1)
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
