extension GroupRounding {
  public var grid: ScalarGrid? { nil }
  public func number(magnitude: Float) -> Float { 1 }

  /// A grid of whole numbers that is symmetric about the middle code.
  static func symmetric(bits: Int, _ rounding: ScalarGrid.Rounding, _ extent: GroupExtent) -> ScalarGrid? {
    guard isRun(extent) else { return nil }
    let half = 1 << (bits - 1)
    return .scaled(
      (-half..<half).map { Float($0) }, rounding: rounding, block: extent.columns, reference: Float(half - 1))
  }

  /// Whether groups are runs of columns that a kernel takes.
  static func isRun(_ extent: GroupExtent) -> Bool { extent.rows == 1 && (1...256).contains(extent.columns) }
}

extension AWQRounding {
  public var grid: ScalarGrid? {
    Self.isRun(extent) ? .zeros(codes: 16, rounding: .f16, block: extent.columns) : nil
  }
}

extension AffineRounding {
  public var grid: ScalarGrid? {
    .offsets(codes: 1 << levels.bits, rounding: element.gridRounding, block: extent.columns)
  }
}

extension MinMaxRounding {
  public var grid: ScalarGrid? {
    guard Self.isRun(extent), levels != .signedBytes else { return nil }
    if isSymmetric { return Self.symmetric(bits: bits, element.gridRounding, extent) }
    return .zeros(codes: 1 << bits, rounding: element.gridRounding, block: extent.columns)
  }
}

extension NearestRounding {
  public var grid: ScalarGrid? {
    guard Self.isRun(extent) else { return nil }
    if isSymmetric { return Self.symmetric(bits: levels.bits, .f16, extent) }
    // GPTQ stores zeros less one, which not every reader takes for the last code.
    return .zeros(codes: 1 << levels.bits, rounding: .f16, block: extent.columns, leastZero: isPackedAsAWQ ? 0 : 1)
  }
}

extension PowerRounding {
  public var grid: ScalarGrid? {
    levels == .e2m1
      ? .scaled(FourBitFloat.levels, rounding: .power, block: extent.columns, reference: 6) : nil
  }
}

extension NVFP4Rounding {
  public var grid: ScalarGrid? { .scaled(FourBitFloat.levels, rounding: .e4m3, block: 16, reference: 6) }

  public func number(magnitude: Float) -> Float {
    guard let number = globalScale(magnitude: magnitude) else { return 1 }
    return rule.dividesByNumber ? 1 / number : number
  }
}

extension ElementRounding {
  var gridRounding: ScalarGrid.Rounding {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    }
  }
}

extension CodedRows {
  /// Codes and numbers as groups have them.
  /// - Parameter offset: what is done with it beside multiplying levels.
  public func groups(_ levels: GroupLevels, _ offset: GroupOffset, number: Float) -> EncodedGroups {
    var groups = EncodedGroups()
    groups.codes = levels == .e2m1 ? codes.map { FourBitFloat.code(ofLevel: Int($0)) } : codes
    groups.scales =
      grid.rounding == .e4m3
      ? scales.map { scale in
        // Divided again, it is the stored one but for the last place. A scale of 0 stands for no group that libraries write.
        let stored = SmallFloat.f8E4M3.code(of: scale / number).map { SmallFloat.f8E4M3.value(of: $0) } ?? 448
        return stored == 0 ? 0.125 : stored
      } : scales
    switch offset {
    case .none: break
    case .bias: groups.offsets = offsets
    case .zero:
      // Levels that are symmetric have the middle code as zero.
      groups.offsets =
        grid.hasZeros ? minimums : Array(repeating: -grid.levels[0], count: scales.count)
    }
    return groups
  }
}
