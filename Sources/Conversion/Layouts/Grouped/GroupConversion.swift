internal import Quantization
internal import Tensors

/// Groups as another spelling has them, with every value what it was. Codes are moved by whole numbers, and numbers of groups
/// repeated where groups become smaller.
struct GroupConversion: Sendable {
  private let form: GroupForm
  let target: GroupTarget
  /// Of a row.
  private let columns: Int

  /// nil where no code of the one is one of the other, or groups do not divide.
  init?(from form: GroupForm, to target: GroupTarget, columns: Int) {
    let own = target.extent.columns == 0 ? columns : target.extent.columns
    guard form.order == target.order, form.order == nil || own == form.columns else { return nil }
    guard own > 0, form.columns > 0, columns % own == 0, columns % form.columns == 0,
      form.columns % own == 0 || own % form.columns == 0
    else { return nil }
    let isWhole = form.levels.wholeNumbers != nil && target.levels.wholeNumbers != nil
    guard isWhole || (form.levels == target.levels && form.offset == .none && target.offset == .none) else {
      return nil
    }
    if let own = form.levels.wholeNumbers, let others = target.levels.wholeNumbers, own.count > others.count {
      return nil
    }
    self.form = form
    self.target = target
    self.columns = columns
  }

  /// Columns that share a scale afterwards.
  private var targetColumns: Int { target.extent.columns == 0 ? columns : target.extent.columns }

  /// Whether any groups are exact, so that none has to be looked at; but for scales at the end of a type's range.
  var isCertain: Bool {
    guard target.scales.holdsAll(of: form.scales),
      form.factor == target.factor || form.factor == .none && target.factor.isOne,
      form.columns % targetColumns == 0, target.extent.rows == 1
    else { return false }
    switch (form.offset, target.offset) {
    case (.none, .none): return form.levels == target.levels
    case (.bias, .bias): return target.biases?.holdsAll(of: form.scales) == true
    case (.none, .zero), (.zero, .none), (.zero, .zero):
      guard let zero = form.offset == .none ? 0 : form.zero else { return false }
      return shift(of: zero) != nil
    case (.none, .bias), (.zero, .bias):
      guard let zero = form.offset == .none ? 0 : form.zero, let shift = shift(of: zero) else { return false }
      guard form.scales != .float(.f32) else { return false }
      // A power of two changes the exponent alone.
      let moved = zero + Float(shift)
      return moved.magnitude.significand == 1 || moved == 0 ? target.biases?.holdsAll(of: form.scales) == true : false
    case (.bias, .none), (.bias, .zero): return false
    }
  }

  /// What is added to codes whose zero is `zero`, so that they are codes of the target; nil where some would not be.
  private func shift(of zero: Float) -> Int? {
    guard let from = form.levels.wholeNumbers, let to = target.levels.wholeNumbers, let whole = Int(exactly: zero),
      abs(whole) <= 1 << 16
    else { return nil }
    let shift: Int
    switch target.offset {
    case .none: shift = -whole
    case .zero where target.zero != nil: shift = Int(target.zero ?? 0) - whole
    default: shift = from.lowerBound < to.lowerBound ? to.lowerBound - from.lowerBound : 0
    }
    guard from.lowerBound + shift >= to.lowerBound, from.upperBound + shift <= to.upperBound else { return nil }
    guard target.offset != .zero || target.zero != nil || to.contains(whole + shift) else { return nil }
    return shift
  }

  /// Makes groups of whole rows those of the target. Without codes it tells from the numbers alone whether that can be.
  /// - Returns: false where a value would change; the groups are of no use then.
  func convert(_ groups: inout EncodedGroups, rows: Int) -> Bool {
    if form.levels.wholeNumbers != nil, !moveCodes(&groups) { return false }
    return regroup(&groups.scales, rows: rows) && (groups.offsets.isEmpty || regroup(&groups.offsets, rows: rows))
  }

  // MARK: - Codes and offsets

  private func moveCodes(_ groups: inout EncodedGroups) -> Bool {
    if form.offset == .bias, target.offset == .bias { return true }
    var shifts: [Int] = []
    var isMoved = false
    if groups.offsets.isEmpty, target.offset != .none { groups.offsets.resize(to: groups.scales.count) }
    // Most groups have the zero of the one before.
    var last: (zero: Float, shift: Int)?
    for group in groups.scales.indices {
      guard let zero = zero(of: group, in: groups) else { return false }
      if last?.zero != zero { last = shift(of: zero).map { (zero, $0) } }
      guard let shift = last?.shift, last?.zero == zero else { return false }
      switch target.offset {
      case .none: break
      case .zero: groups.offsets[group] = zero + Float(shift)
      case .bias:
        let bias = -Double(zero + Float(shift)) * Double(groups.scales[group])
        guard Double(Float(bias)) == bias, isShort(groups.scales[group]) else { return false }
        groups.offsets[group] = Float(bias)
      }
      isMoved = isMoved || shift != 0
      shifts.append(shift)
    }
    if target.offset == .none { groups.offsets = [] }
    guard isMoved, !groups.codes.isEmpty else { return true }
    for group in shifts.indices where shifts[group] != 0 {
      // Codes in two's complement and unsigned ones move alike, modulo 256.
      let shift = UInt8(truncatingIfNeeded: shifts[group])
      for index in group * form.columns..<(group + 1) * form.columns { groups.codes[index] &+= shift }
    }
    return true
  }

  /// The code that stands for 0, perhaps not one of those that there are; nil where none does.
  private func zero(of group: Int, in groups: EncodedGroups) -> Float? {
    switch form.offset {
    case .none: return 0
    case .zero: return groups.offsets[group]
    case .bias:
      let (scale, bias) = (groups.scales[group], groups.offsets[group])
      guard scale != 0 else { return bias == 0 ? Float(1 << (form.levels.bits - 1)) : nil }
      let zero = (-bias / scale).rounded()
      return Double(zero) * Double(scale) == -Double(bias) && isShort(scale) ? zero : nil
    }
  }

  /// Whether a scale times any code is no longer than a Float, so that it does not matter in which order it is computed.
  private func isShort(_ scale: Float) -> Bool {
    scale.significandBitPattern & (1 << UInt32(form.levels.bits) - 1) == 0 && scale.magnitude < 1e30
  }

  // MARK: - Groups

  /// The numbers of groups of another size, and of rows that share them.
  private func regroup(_ numbers: inout [Float], rows: Int) -> Bool {
    if form.columns > targetColumns {
      let count = form.columns / targetColumns
      numbers = numbers.flatMap { repeatElement($0, count: count) }
    } else if form.columns < targetColumns {
      guard let fewer = Self.joined(numbers, runs: targetColumns / form.columns) else { return false }
      numbers = fewer
    }
    guard target.extent.rows != 1, rows > 0 else { return true }
    let groups = numbers.count / rows
    let height = target.extent.rows == 0 ? rows : target.extent.rows
    var shared: [Float] = []
    for first in stride(from: 0, to: rows, by: height) {
      let own = numbers[first * groups..<(first + 1) * groups]
      for row in first + 1..<max(first + 1, min(first + height, rows)) {
        guard own.elementsEqual(numbers[row * groups..<(row + 1) * groups]) else { return false }
      }
      shared += own
    }
    numbers = shared
    return true
  }

  /// One number for each run of equal ones; nil where they are not equal.
  private static func joined(_ numbers: [Float], runs: Int) -> [Float]? {
    var joined: [Float] = []
    for first in stride(from: 0, to: numbers.count, by: runs) {
      guard numbers[first..<first + runs].allSatisfy({ $0 == numbers[first] }) else { return nil }
      joined.append(numbers[first])
    }
    return joined
  }
}
