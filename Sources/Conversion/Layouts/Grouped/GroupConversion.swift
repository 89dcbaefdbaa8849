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
    if form.offset == .bias {
      guard KernelSet.best.makeZeros(ofBiasesOf: &groups, bits: form.levels.bits) else { return false }
    }
    guard let shift = groups.offsets.isEmpty ? shift(of: 0) : groups.offsets.onlyElement.flatMap(shift) else {
      return !groups.offsets.isEmpty && moveCodesOfEach(&groups)
    }
    if shift != 0 { KernelSet.best.add(UInt8(truncatingIfNeeded: shift), to: &groups.codes) }
    if groups.offsets.isEmpty { groups.offsets = [Float](repeating: 0, count: groups.scales.count) }
    return moveOffsets(&groups, shift: shift)
  }

  /// The same where groups have zeros of their own.
  private func moveCodesOfEach(_ groups: inout EncodedGroups) -> Bool {
    // Most groups have the zero of the one before.
    var last: (zero: Float, shift: Int)?
    var isShared = true
    for group in groups.scales.indices {
      let zero = groups.offsets[group]
      if last?.zero != zero {
        guard let shift = shift(of: zero) else { return false }
        isShared = isShared && (last == nil || last?.shift == shift)
        last = (zero, shift)
      }
      guard let shift = last?.shift else { return false }
      // What has a zero for each group has one shift for all.
      if target.offset == .none || target.zero != nil { groups.offsets[group] = zero + Float(shift) }
      guard shift != 0, !groups.codes.isEmpty else { continue }
      // Codes in two's complement and unsigned ones move alike, modulo 256.
      let moved = UInt8(truncatingIfNeeded: shift)
      for index in group * form.columns..<(group + 1) * form.columns { groups.codes[index] &+= moved }
    }
    if target.offset == .none || target.zero != nil { return moveOffsets(&groups, shift: 0) }
    return isShared && moveOffsets(&groups, shift: last?.shift ?? 0)
  }

  /// Makes zeros of codes that `shift` was added to the offsets of the target.
  private func moveOffsets(_ groups: inout EncodedGroups, shift: Int) -> Bool {
    switch target.offset {
    case .none:
      groups.offsets = []
      return true
    case .zero:
      if shift != 0 { for group in groups.offsets.indices { groups.offsets[group] += Float(shift) } }
      return true
    case .bias:
      return KernelSet.best.makeBiases(ofZerosOf: &groups, shift: Float(shift), bits: form.levels.bits)
    }
  }

  // MARK: - Groups

  /// The numbers of groups of another size, and of rows that share them.
  private func regroup(_ numbers: inout [Float], rows: Int) -> Bool {
    if form.columns > targetColumns {
      let count = form.columns / targetColumns
      var repeated = [Float](repeating: 0, count: numbers.count * count)
      for (place, number) in numbers.enumerated() {
        for copy in 0..<count { repeated[place * count + copy] = number }
      }
      numbers = repeated
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
    var joined = [Float](repeating: 0, count: numbers.count / runs)
    for place in joined.indices {
      let number = numbers[place * runs]
      for other in 1..<runs where numbers[place * runs + other] != number { return nil }
      joined[place] = number
    }
    return joined
  }
}

extension [Float] {
  /// What all elements are; nil where they differ, or there are none.
  fileprivate var onlyElement: Float? {
    guard let first, first == first else { return nil }
    return KernelSet.best.areEqual(span.extracting(droppingLast: 1), span.extracting(droppingFirst: 1)) ? first : nil
  }
}
