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
  }

  /// The groups of some rows in a spelling that keeps every value; nil where it does not, which may take a look at the scales.
  static func regrouping(
    _ rows: DerivedTensor, as target: GroupTarget, _ inputs: TensorInputs
  ) throws(FileError) -> Regrouping? {
    guard let blocks = GroupBlocks(rows.copiedEncoding), let sources = try storedGroups(of: rows, inputs),
      let form = sources.first?.storedForm, sources.allSatisfy({ $0.storedForm == form }),
      let conversion = GroupConversion(from: form, to: target, columns: rows.columns)
    else { return nil }
    // Of blocks of ggml scales are not looked at alone: what one could not hold is told when it is poured.
    if !conversion.isCertain || sources.allSatisfy({ $0 is GroupedWeight }) {
      // Rows that share scales are those of one stored weight.
      guard target.extent.rows == 1 || sources.count == 1 && rows.derivation.sources.count == 1 else { return nil }
      for source in sources {
        guard let weight = source as? GroupedWeight, try isExact(weight, conversion) else { return nil }
      }
    }
    return Regrouping(blocks: blocks, conversion: conversion, rows: rows)
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

  /// Whether all numbers of a weight's groups are kept.
  private static func isExact(_ weight: GroupedWeight, _ conversion: GroupConversion) throws(FileError) -> Bool {
    let height = max(1, conversion.target.extent.rows)
    let count =
      conversion.target.extent.rows == 0
      ? weight.rowCount : max(1, lookedAt(of: weight) / (weight.groupsPerRow * height)) * height
    for first in stride(from: 0, to: weight.rowCount, by: count) {
      try Interruption.check(weight.source.name)
      let rows = first..<min(first + count, weight.rowCount)
      var groups = try weight.numbers(ofRows: rows)
      guard conversion.convert(&groups, rows: rows.count), conversion.target.holds(groups) else { return false }
    }
    return true
  }

  /// The type of a GGUF that holds the very values of rows, and how they get into it; nil where there is none.
  static func exactBlocks(
    for rows: DerivedTensor, _ inputs: TensorInputs
  ) throws(FileError) -> (encoding: Encoding, output: GroupedOutput)? {
    guard case .interchange? = GroupBlocks(rows.copiedEncoding) else { return nil }
    for name in GroupedBlocks.names {
      guard let blocks = GroupedBlocks.named(name), let encoding = Catalog.entry(named: name)?.encoding,
        rows.columns % encoding.elementsPerBlock == 0
      else { continue }
      let target = GroupTarget(blocks)
      guard let found = try regrouping(rows, as: target, inputs) else { continue }
      return (
        encoding,
        GroupedOutput(
          origin: .groups(found.blocks, found.conversion),
          planes: [BlockPlane(blocks: blocks, encoding: encoding, columns: rows.columns)], levels: target.levels,
          offset: target.offset, extent: target.extent)
      )
    }
    return nil
  }
}

extension GroupTarget {
  /// Whether numbers of groups have a stored form.
  func holds(_ groups: EncodedGroups) -> Bool {
    let plane = NumberPlane(format: scales, rows: 0, factor: factor)
    guard plane.bytes(of: groups.scales) != nil else { return false }
    guard offset == .bias, let biases else { return true }
    return biases.encode(groups.offsets) != nil
  }
}
