internal import Bytes
internal import Quantization
internal import Tensors

/// How a weight becomes groups.
public struct GroupedOutput: Sendable {
  /// What groups are made of.
  enum Origin: Sendable {
    /// Values, as a library rounds them.
    case values(any GroupRounding)
    /// Groups that are there, with every value what it was.
    case groups(GroupBlocks, GroupConversion)
  }

  let origin: Origin
  /// What packs them, by the numbers of `PlannedPlane.Content.plane`.
  let planes: [any GroupPlane]
  let levels: GroupLevels
  let offset: GroupOffset
  /// Rows and columns that share a scale; 0 is all.
  let extent: GroupExtent
  /// What stands for the largest magnitude of the whole tensor, from that; nil where nothing does.
  var factor: (@Sendable (Float) -> StoredNumbers.Factor)?
  /// The name of what shares that with other weights.
  var magnitudeOwner: String?
  /// Whether the last bit of a number of the whole tensor is rounded, where groups are those that are there.
  var isRounded = false

  /// Lets a calibration choose; nil where the library's own rounding does.
  var calibrated: CalibratedCodes?

  /// What a calibration can choose from; nil where groups are those that are there, or are none of few levels.
  var grid: ScalarGrid? { if case .values(let rounding) = origin { rounding.grid } else { nil } }

  /// Takes what a calibration makes of a matrix where that is better than what `groups` holds.
  /// - Parameters:
  ///   - matrix: its number in the tensor.
  ///   - magnitude: the largest of the whole tensor, where that is looked at.
  func improve(
    _ groups: inout EncodedGroups, of values: Span<Float>, matrix: Int, columns: Int, magnitude: Float
  ) throws(FileError) {
    guard let calibrated, case .values(let rounding) = origin, let grid = rounding.grid else { return }
    let number = rounding.number(magnitude: magnitude)
    let reference = decoded(groups, count: values.count, columns: columns).map { $0 * number }
    let better = try calibrated.better(
      than: reference, of: values, matrix: matrix, columns: columns, grid: grid, number: number)
    let width = columns / extent.columns
    for found in better {
      let own = found.coded.groups(levels, offset, number: number)
      for (number, row) in found.rows.enumerated() {
        for column in 0..<columns { groups.codes[row * columns + column] = own.codes[number * columns + column] }
        for group in 0..<width {
          groups.scales[row * width + group] = own.scales[number * width + group]
          if offset != .none { groups.offsets[row * width + group] = own.offsets[number * width + group] }
        }
      }
    }
  }

  /// What groups of whole rows stand for.
  private func decoded(_ groups: EncodedGroups, count: Int, columns: Int) -> [Float] {
    var values = [Float](repeating: 0, count: count)
    let width = columns / extent.columns
    for row in 0..<count / columns {
      var span = values.mutableSpan
      var own = span._mutatingExtracting(row * columns..<(row + 1) * columns)
      groups.codes.withBytes(in: row * columns..<(row + 1) * columns) {
        KernelSet.best.decodeGroups(
          $0, columns: columns, from: 0, group: extent.columns, levels,
          scales: groups.scales.span.extracting(row * width..<(row + 1) * width),
          offsets: offset == .none
            ? groups.offsets.span.extracting(0..<0) : groups.offsets.span.extracting(row * width..<(row + 1) * width),
          offset, into: &own)
      }
    }
    return values
  }

  /// Rows of a slab are a multiple of so many: those that share words or scales are packed together.
  var rowAlignment: Int {
    let needed = planes.map(\.rowMultiple).max() ?? 1
    let height = max(1, extent.rows)
    var multiple = height
    while multiple % needed != 0 { multiple += height }
    return multiple
  }

  /// Whether rows of the weight are columns of what is stored.
  var isTurned: Bool { planes.contains(where: \.isTurned) }

  /// Whether values have to be looked at once before any is encoded.
  var needsMagnitude: Bool { if case .values(let rounding) = origin { rounding.needsMagnitude } else { false } }

  /// Whether groups are those that are there.
  var isRepacked: Bool { if case .groups = origin { true } else { false } }

  /// Whether every value stays what it is.
  var isExact: Bool { isRepacked && !isRounded }

  /// What is left of whole rows of values.
  func survival(of values: Span<Float>, in groups: EncodedGroups, columns: Int) -> Survival {
    let width = extent.columns == 0 ? columns : extent.columns
    let groupsPerRow = columns.dividedRoundingUp(by: width)
    return Survival(of: values, block: columns) { elements, decoded in
      for place in 0..<elements.count / columns {
        let row = elements.lowerBound / columns + place
        let line = extent.rows == 0 ? 0 : row / extent.rows
        let numbers = line * groupsPerRow..<(line + 1) * groupsPerRow
        var own = decoded._mutatingExtracting(place * columns..<(place + 1) * columns)
        groups.codes.withBytes(in: row * columns..<(row + 1) * columns) {
          KernelSet.best.decodeGroups(
            $0, columns: columns, from: 0, group: width, levels, scales: groups.scales.span.extracting(numbers),
            offsets: offset == .none ? groups.offsets.span.extracting(0..<0) : groups.offsets.span.extracting(numbers),
            offset, into: &own)
        }
      }
    }
  }
}

extension StoredNumbers.Factor {
  /// As it is stored: an F32.
  var bytes: [UInt8] {
    switch self {
    case .none: [Float(1)].littleEndianBytes
    case .times(let factor): [factor].littleEndianBytes
    case .dividedBy(let divisor): [divisor].littleEndianBytes
    }
  }
}
