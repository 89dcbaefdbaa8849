/// Sums as whole multiples of a unit, so that they are the same in whatever order they are added.
public struct ExactSums: Hashable, Sendable {
  /// The unit is `2 ^ -exponent`.
  public var exponent: Int
  public var values: [Int64]

  /// Exponents are no further from zero than this.
  public static let exponents = -256...256

  public init(exponent: Int, values: [Int64]) {
    self.exponent = exponent
    self.values = values
  }

  /// A value as a number.
  public func value(_ index: Int) -> Double {
    Double(values[index]) / Double(sign: .plus, exponent: exponent, significand: 1)
  }

  /// The values divided by a weight.
  public func divided(by weight: Double) -> [Float] {
    let unit = 1 / (Double(sign: .plus, exponent: exponent, significand: 1) * weight)
    return values.map { Float(Double($0) * unit) }
  }

  /// Both together, in the smaller of the units.
  /// - Returns: nil where that is not possible in 64 bits, or they have not as many values.
  public func adding(_ other: ExactSums) -> ExactSums? {
    let exponent = max(exponent, other.exponent)
    guard values.count == other.values.count, exponent - self.exponent < 63, exponent - other.exponent < 63 else {
      return nil
    }
    let (factor, otherFactor) = (Int64(1) << (exponent - self.exponent), Int64(1) << (exponent - other.exponent))
    var sums: [Int64] = []
    sums.reserveCapacity(values.count)
    for (one, two) in zip(values, other.values) {
      let (first, firstOverflows) = one.multipliedReportingOverflow(by: factor)
      let (second, secondOverflows) = two.multipliedReportingOverflow(by: otherFactor)
      let (sum, overflows) = first.addingReportingOverflow(second)
      guard !firstOverflows, !secondOverflows, !overflows else { return nil }
      sums.append(sum)
    }
    return ExactSums(exponent: exponent, values: sums)
  }
}

/// Squares of what a linear layer is given, column by column, all tokens alike.
public struct LayerSquares: Sendable {
  /// What tells the layer from all others.
  public var key: String
  /// Tokens that it was seen with.
  public var tokens: Int
  public var sums: ExactSums

  public init(key: String, tokens: Int, sums: ExactSums) {
    self.key = key
    self.tokens = tokens
    self.sums = sums
  }

  /// The importance of the columns.
  public var means: [Float] { sums.divided(by: Double(max(1, tokens))) }
}

/// What is known of a linear layer as sums, which can be added to those of other texts.
public struct LayerSums: Sendable {
  /// Tokens of all texts together, at most.
  public static let mostTokens = 1 << 40

  /// What tells the layer from all others.
  public var key: String
  /// Tokens that it was seen with.
  public var tokens: Int
  /// One value: what tokens count together in `inputs`.
  public var weight: ExactSums
  /// Of outer products of what the layer is given, each times what its token counts; a lower triangle, row after row.
  public var inputs: ExactSums
  /// Of outer products of the gradient with respect to what the layer gives; nil where they were not collected.
  public var gradients: ExactSums?
  /// Of squares of what the layer is given, column by column, all tokens alike.
  public var squares: ExactSums
  /// Tokens that are in none of them.
  public var sample: LayerMoments.Sample?

  public init(
    key: String, tokens: Int, weight: ExactSums, inputs: ExactSums, gradients: ExactSums?, squares: ExactSums,
    sample: LayerMoments.Sample?
  ) {
    self.key = key
    self.tokens = tokens
    self.weight = weight
    self.inputs = inputs
    self.gradients = gradients
    self.squares = squares
    self.sample = sample
  }

  /// The means. Of gradients there is a triangle of whole rows.
  public var moments: LayerMoments {
    let weight = weight.values.isEmpty ? 0 : weight.value(0)
    let tokens = Double(max(1, tokens))
    return LayerMoments(
      key: key, tokens: self.tokens,
      inputs: SymmetricMoments(order: squares.values.count, values: inputs.divided(by: weight > 0 ? weight : 1)),
      gradients: gradients.map { SymmetricMoments(triangle: $0.divided(by: tokens)) },
      squares: squares.divided(by: tokens), sample: sample)
  }

  /// What both texts have shown. Tokens of samples are in the order of their values, so that which came first does not show.
  /// - Returns: nil where they are of different layers, or sums are too large.
  public func adding(_ other: LayerSums) -> LayerSums? {
    guard key == other.key, (gradients == nil) == (other.gradients == nil), let weight = weight.adding(other.weight),
      let inputs = inputs.adding(other.inputs), let squares = squares.adding(other.squares)
    else { return nil }
    var result = self
    result.tokens += other.tokens
    guard result.tokens <= Self.mostTokens else { return nil }
    result.weight = weight
    result.inputs = inputs
    result.squares = squares
    if let own = gradients, let others = other.gradients {
      guard let sum = own.adding(others) else { return nil }
      result.gradients = sum
    }
    result.sample = sample?.adding(other.sample) ?? other.sample
    return result
  }
}

extension LayerMoments.Sample {
  /// The tokens of both, in the order of their values.
  func adding(_ other: Self?) -> Self {
    guard let other, other.tokens > 0 else { return self }
    guard tokens > 0 else { return other }
    func rows(_ sample: Self) -> [(inputs: ArraySlice<Float>, gradients: ArraySlice<Float>)] {
      let (inputs, gradients) = (sample.inputs.count / sample.tokens, sample.gradients.count / sample.tokens)
      return (0..<sample.tokens).map {
        (sample.inputs[$0 * inputs..<($0 + 1) * inputs], sample.gradients[$0 * gradients..<($0 + 1) * gradients])
      }
    }
    func bits(_ row: (inputs: ArraySlice<Float>, gradients: ArraySlice<Float>)) -> some Sequence<UInt32> {
      [row.inputs, row.gradients].lazy.joined().map(\.bitPattern)
    }
    let sorted = (rows(self) + rows(other)).sorted { bits($0).lexicographicallyPrecedes(bits($1)) }
    return Self(
      tokens: sorted.count, inputs: sorted.flatMap(\.inputs), gradients: sorted.flatMap(\.gradients))
  }
}
