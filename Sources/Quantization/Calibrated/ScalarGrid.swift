internal import CKernels

/// The values that a type can store, as a calibrated encoder sees them: levels, times scales, and what scales may be.
public struct ScalarGrid: Sendable {
  /// What scales are stored as.
  public enum Rounding: Hashable, Sendable {
    case f32, f16, bf16
    /// A power of two.
    case power
    /// A float of four exponent and three significand bits, times a number of the whole tensor.
    case e4m3
    /// An 8-bit code, as a double quantization has it.
    case nested
  }

  enum Kind: Hashable, Sendable { case scaled, zeros, offsets, multiples, multiplesAndMinimums }

  /// What each code means, in ascending order, times a scale.
  let levels: [Float]
  let midpoints: [Float]
  let isUniform: Bool
  let kind: Kind
  var rounding: Rounding
  /// Whether scales may be negative.
  let hasBothSigns: Bool
  /// Elements that share a scale.
  public let block: Int
  /// Elements whose scales are multiples of one number; `block` where they are not.
  public let superblock: Int
  /// The level that the largest magnitude has.
  let reference: Float
  let multiples: ClosedRange<Float>
  /// Where the search of affine grids begins, in codes below all of them, and by how much it goes on.
  let search: (first: Float, step: Float)

  private init(
    _ kind: Kind, levels: [Float], rounding: Rounding, block: Int, superblock: Int? = nil, hasBothSigns: Bool = false,
    reference: Float = 1, multiples: ClosedRange<Float> = 0...0, search: (first: Float, step: Float) = (2, 0.13)
  ) {
    self.kind = kind
    self.levels = levels
    self.rounding = rounding
    self.hasBothSigns = hasBothSigns
    self.block = block
    self.superblock = superblock ?? block
    self.reference = reference
    self.multiples = multiples
    self.search = search
    midpoints = zip(levels, levels.dropFirst()).map { ($0 + $1) / 2 }
    isUniform = zip(levels, levels.dropFirst()).allSatisfy { $1 - $0 == 1 }
  }

  /// `scale * level`.
  static func scaled(
    _ levels: [Float], rounding: Rounding, block: Int, hasBothSigns: Bool = false, reference: Float
  ) -> ScalarGrid {
    ScalarGrid(
      .scaled, levels: levels, rounding: rounding, block: block, hasBothSigns: hasBothSigns, reference: reference)
  }

  /// `scale * code + offset`.
  static func offsets(codes: Int, rounding: Rounding, block: Int) -> ScalarGrid {
    ScalarGrid(.offsets, levels: (0..<codes).map { Float($0) }, rounding: rounding, block: block)
  }

  /// `scale * (code - zero)`, the zero being a code.
  static func zeros(codes: Int, rounding: Rounding, block: Int, leastZero: Int = 0) -> ScalarGrid {
    ScalarGrid(
      .zeros, levels: (0..<codes).map { Float($0) }, rounding: rounding, block: block,
      multiples: Float(leastZero)...Float(codes - 1), search: (4, 0.2))
  }

  /// `scale * multiple * level`, an F16 scale for 256 elements and a whole multiple for each block.
  static func multiples(
    _ multiples: ClosedRange<Float>, of levels: [Float], block: Int, reference: Float
  ) -> ScalarGrid {
    ScalarGrid(
      .multiples, levels: levels, rounding: .f16, block: block, superblock: 256, hasBothSigns: true,
      reference: reference, multiples: multiples)
  }

  /// `scale * multiple * code - minimum * other multiple`, an F16 scale and an F16 minimum for 256 elements.
  static func multiplesAndMinimums(
    codes: Int, upTo most: Float, block: Int, search: (first: Float, step: Float)
  ) -> ScalarGrid {
    ScalarGrid(
      .multiplesAndMinimums, levels: (0..<codes).map { Float($0) }, rounding: .f16, block: block, superblock: 256,
      multiples: 0...most, search: search)
  }

  /// The same with scales that are quantized in turn.
  public func nestingScales() -> ScalarGrid {
    var result = self
    result.rounding = .nested
    return result
  }

  var hasZeros: Bool { kind == .zeros }
}

extension ScalarGrid.Kind {
  var kernel: decant_grid_kind {
    switch self {
    case .scaled: DECANT_GRID_SCALED
    case .zeros: DECANT_GRID_ZEROS
    case .offsets: DECANT_GRID_OFFSETS
    case .multiples: DECANT_GRID_MULTIPLES
    case .multiplesAndMinimums: DECANT_GRID_MULTIPLES_AND_MINIMUMS
    }
  }
}

extension ScalarGrid.Rounding {
  var kernel: decant_scale {
    switch self {
    case .f32: DECANT_SCALE_F32
    case .f16: DECANT_SCALE_F16
    case .bf16: DECANT_SCALE_BF16
    case .power: DECANT_SCALE_POWER
    case .e4m3: DECANT_SCALE_E4M3
    case .nested: DECANT_SCALE_NESTED
    }
  }
}
