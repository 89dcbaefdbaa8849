internal import Architectures
internal import Bytes
internal import Quantization
internal import Tensors

// Which spellings hold the very groups that a weight has.

extension Plan {
  /// Groups that a weight has already, in the terms of another spelling.
  struct Regrouping {
    let blocks: GroupBlocks
    let conversion: GroupConversion
    /// The rows that are read, which may have been turned.
    let rows: DerivedTensor
    /// What is stored for the whole tensor in place of the target's factor, where that has no spelling and is rounded.
    var roundedFactor: StoredNumbers.Factor?
  }

  /// The groups of some rows in a spelling that keeps every value; nil where it does not, which may take a look at the scales.
  /// - Parameter factors: what is done with the scales of each source, in place of the target's own.
  static func regrouping(
    _ rows: DerivedTensor, as target: GroupTarget, factors: [StoredNumbers.Factor]? = nil, _ inputs: TensorInputs
  ) throws(FileError) -> Regrouping? {
    guard let blocks = GroupBlocks(rows.copiedEncoding), let sources = try storedGroups(of: rows, inputs) else {
      return nil
    }
    var first: (form: GroupForm, conversion: GroupConversion)?
    for (place, source) in sources.enumerated() {
      var target = target
      if let factors { target.factor = factors[place] }
      guard var form = source.storedForm(ofMatrix: rows.derivation.matrix),
        let conversion = GroupConversion(from: form, to: target, columns: rows.columns)
      else { return nil }
      if factors != nil { form.factor = .none }
      guard first == nil || first?.form == form else { return nil }
      first = first ?? (form, conversion)
      let weight = source as? GroupedWeight
      // Of blocks of ggml scales are not looked at alone: what one could not hold is told when it is poured.
      guard !conversion.isCertain || weight != nil else { continue }
      // Rows that share scales are those of one stored weight.
      guard target.extent.rows == 1 || sources.count == 1 && rows.derivation.sources.count == 1 else { return nil }
      guard let weight, try isExact(weight, rowsOf(rows.derivation, in: weight), conversion) else { return nil }
    }
    return first.map { Regrouping(blocks: blocks, conversion: $0.conversion, rows: rows) }
  }

  /// The stored weights behind rows that are whole rows of them; nil where they are anything else.
  private static func storedGroups(
    of rows: DerivedTensor, _ inputs: TensorInputs
  ) throws(FileError) -> [any StoredWeight]? {
    var sources: [any StoredWeight] = []
    for reference in rows.derivation.sources {
      let weight = try inputs.tensor(reference)
      guard weight.columns == rows.columns else { return nil }
      sources.append(weight)
    }
    return sources
  }

  /// Numbers that are looked at together: of columns more, since whole lines of them are read at once.
  private static func lookedAt(of weight: GroupedWeight) -> Int { weight.isStoredByColumns ? 1 << 20 : 1 << 16 }

  /// The rows of a weight that a derivation takes.
  private static func rowsOf(_ derivation: Derivation, in weight: GroupedWeight) -> Range<Int> {
    guard let matrix = derivation.matrix, let count = weight.shape.first, matrix < count else {
      return 0..<weight.rowCount
    }
    let height = weight.rowCount / count
    return matrix * height..<(matrix + 1) * height
  }

  /// Whether all numbers of the groups of some rows are kept.
  private static func isExact(
    _ weight: GroupedWeight, _ all: Range<Int>, _ conversion: GroupConversion
  ) throws(FileError) -> Bool {
    let height = max(1, conversion.target.extent.rows)
    let count =
      conversion.target.extent.rows == 0
      ? all.count : max(1, lookedAt(of: weight) / (weight.groupsPerRow * height)) * height
    for first in stride(from: all.lowerBound, to: all.upperBound, by: max(1, count)) {
      try Interruption.check(weight.source.name)
      let rows = first..<min(first + count, all.upperBound)
      var groups = try weight.numbers(ofRows: rows)
      guard conversion.convert(&groups, rows: rows.count), conversion.target.holds(groups) else { return false }
    }
    return true
  }

  /// Blocks of a GGUF that hold the very codes and scales of rows; what a tensor of them is multiplied with may be rounded.
  struct ExactBlocks {
    let encoding: Encoding
    let output: GroupedOutput
    /// What each matrix is multiplied with; none where that is nothing.
    var factors: [Float] = []
  }

  /// The type of a GGUF that holds the very values of rows, and how they get into it; nil where there is none.
  /// - Parameter name: of the output.
  static func exactBlocks(
    for rows: DerivedTensor, named name: String, _ inputs: TensorInputs
  ) throws(FileError) -> ExactBlocks? {
    guard case .interchange? = GroupBlocks(rows.copiedEncoding) else { return nil }
    for type in GroupedBlocks.names {
      guard let blocks = GroupedBlocks.named(type), let encoding = Catalog.entry(named: type)?.encoding,
        rows.columns % encoding.elementsPerBlock == 0
      else { continue }
      let target = GroupTarget(blocks)
      func output(_ found: Regrouping, _ factors: [MatrixFactor] = []) -> ExactBlocks {
        let plane = BlockPlane(
          blocks: blocks, encoding: encoding, columns: rows.columns, factors: factors.map(\.own),
          rowsPerFactor: rows.rowCount / max(1, factors.count))
        return ExactBlocks(
          encoding: encoding,
          output: GroupedOutput(
            origin: .groups(found.blocks, found.conversion), planes: [plane], levels: target.levels,
            offset: target.offset, extent: target.extent, isRounded: !factors.allSatisfy(\.isExact)),
          factors: factors.map(\.number))
      }
      // A number that is there is kept, as llama.cpp's converter does, though it may be a power of two.
      if encoding == .nvfp4, ScaledBlocksLayout.scaleName(of: name) != nil,
        let factors = try factors(of: rows, inputs), factors.contains(where: { $0.number != 1 }),
        let found = try regrouping(rows, as: target, factors: factors.map(\.own), inputs)
      {
        let isOneOfAll = rows.shape.count == 2
        return output(found, isOneOfAll ? Array(factors.prefix(1)) : factors)
      }
      if let found = try regrouping(rows, as: target, inputs) { return output(found) }
    }
    return nil
  }

  /// What the scales of a matrix are multiplied with.
  private struct MatrixFactor {
    /// As it is read.
    let own: StoredNumbers.Factor
    /// As something that is multiplied with.
    let number: Float
    let isExact: Bool
  }

  /// What the scales of each stored weight behind rows are multiplied with: of a matrix the same for all, of a stack one for each
  /// of its matrices. Nil where it is otherwise.
  private static func factors(of rows: DerivedTensor, _ inputs: TensorInputs) throws(FileError) -> [MatrixFactor]? {
    guard let sources = try storedGroups(of: rows, inputs) else { return nil }
    var factors: [MatrixFactor] = []
    for source in sources {
      guard let own = source.storedForm(ofMatrix: rows.derivation.matrix)?.factor, let kept = own.multiplying,
        case .times(let number) = kept.factor
      else {
        return nil
      }
      factors.append(MatrixFactor(own: own, number: number, isExact: kept.isExact))
    }
    let isStack = rows.shape.count == 3 && sources.count == rows.shape[0] && sources.allSatisfy { $0.shape.count == 2 }
    let isMatrix = rows.shape.count == 2 && factors.allSatisfy { $0.own == factors.first?.own }
    return isStack || isMatrix ? factors : nil
  }
}

extension GroupTarget {
  /// Whether numbers of groups have a stored form.
  func holds(_ groups: EncodedGroups) -> Bool {
    let plane = NumberPlane(format: scales, rows: 0, factor: factor)
    guard plane.bytes(of: groups.scales) != nil, !isUnsigned || !groups.scales.contains(where: { $0.sign == .minus })
    else {
      return false
    }
    guard offset == .bias, let biases else { return true }
    return biases.encode(groups.offsets) != nil
  }
}

extension Derivation {
  /// The number of the one matrix that it takes of a stack; nil for anything else.
  var matrix: Int? {
    switch self {
    case .source: return nil
    case .made(let stacked as StackedTensor, let inputs):
      if case .source? = inputs.first { return stacked.number }
      return nil
    case .made(let transform, let inputs):
      return inputs.count == 1 && transform is any RowTransform ? inputs[0].matrix : nil
    }
  }
}
