/// What Q2_K, Q4_K and Q5_K share: superblocks of 256 values, in blocks with a scale and a minimum, both stored as
/// multiples of an F16 of the superblock. `value = scale * code - minimum`.
struct AffineSuperblock {
  /// Bits of a code.
  let bits: Int
  /// Elements of a block.
  let elements: Int
  /// The largest multiple.
  let mostMultiple: Int
  /// The search without importance.
  let search: AffineSearch

  static let elements = 256

  private var most: Int { (1 << bits) - 1 }

  /// A superblock before its codes.
  struct Scales {
    var scale: [UInt8]
    var minimum: [UInt8]
    /// Bytes, for each block.
    var scales: [Int]
    var minimums: [Int]
    /// What the search found for each block.
    var fits: [AffineSearch.Fit]
  }

  private func blocks(of values: [Float]) -> [[Float]] {
    stride(from: 0, to: values.count, by: elements).map { Array(values[$0..<$0 + elements]) }
  }

  /// Without importance the largest scale and minimum have the largest multiple.
  func scales(of values: [Float]) throws(CodecError) -> Scales {
    let fits = blocks(of: values).map { search.fit($0, weights: weights(of: $0)) }
    let (scale, scales) = multiples(of: fits.map(\.scale))
    let (minimum, minimums) = multiples(of: fits.map { -$0.minimum })
    return Scales(
      scale: try GGMLBlock.half(scale), minimum: try GGMLBlock.half(minimum), scales: scales, minimums: minimums,
      fits: fits)
  }

  /// With importance the multiples are searched for too.
  func scales(of values: [Float], importance: [Float]) throws(CodecError) -> Scales {
    let sum = GGMLBlock.sumOfSquares(values)
    let variance = (bits == 2 ? sum : 2 * sum) / Float(Self.elements)
    let weights = blocks(of: GGMLBlock.weights(of: values, importance: importance, variance: variance))
    let fits = zip(blocks(of: values), weights).map { AffineSearch.weighted(most: most).fit($0, weights: $1) }
    let totals = weights.map { $0.reduce(0, +) }
    let (scale, scales) = ScaleSearch(most: mostMultiple).fit(fits.map(\.scale), weights: totals)
    let (minimum, minimums) = ScaleSearch(most: mostMultiple).fit(fits.map { -$0.minimum }, weights: totals)
    return Scales(
      scale: try GGMLBlock.half(scale), minimum: try GGMLBlock.half(minimum), scales: scales, minimums: minimums,
      fits: fits)
  }

  /// The codes of all values, given the multiples that are stored. A block whose scale has become 0 keeps those of the
  /// search.
  func codes(of values: [Float], _ found: Scales, scales: [Int], minimums: [Int]) -> [Int] {
    let (scale, minimum) = (GGMLBlock.half(found.scale[...]), GGMLBlock.half(found.minimum[...]))
    return blocks(of: values).enumerated().flatMap { index, block in
      let blockScale = scale * Float(scales[index])
      let blockMinimum = minimum * Float(minimums[index])
      guard blockScale != 0 else { return found.fits[index].codes }
      return block.map { GGMLBlock.clamped(GGMLBlock.nearest(($0 + blockMinimum) / blockScale), atMost: most) }
    }
  }

  /// The values of `codes`.
  func decode(_ codes: [Int], scale: ArraySlice<UInt8>, minimum: ArraySlice<UInt8>, scales: [Int], minimums: [Int])
    -> [Float]
  {
    let (scale, minimum) = (GGMLBlock.half(scale), GGMLBlock.half(minimum))
    return codes.enumerated().map { index, code in
      let block = index / elements
      return scale * Float(scales[block]) * Float(code) - minimum * Float(minimums[block])
    }
  }

  /// Without importance a value counts by its magnitude; all types but Q2_K add the root mean square of the block.
  private func weights(of block: [Float]) -> [Float] {
    let typical = bits == 2 ? 0 : (GGMLBlock.sumOfSquares(block) / Float(elements)).squareRoot()
    return block.map { typical + $0.magnitude }
  }

  private func multiples(of values: [Float]) -> (unit: Float, multiples: [Int]) {
    var largest: Float = 0
    for value in values where value > largest { largest = value }
    let inverse = largest > 0 ? Float(mostMultiple) / largest : 0
    let multiples = values.map { GGMLBlock.nearest(inverse * $0) & 0xff }
    return (largest / Float(mostMultiple), bits == 2 ? multiples : multiples.map { min(mostMultiple, $0) })
  }
}
