internal import Bytes
internal import Quantization
internal import Tensors

/// A weight of codes and scales: elements along a row, and perhaps neighbouring rows, share a scale, and an offset where there
/// are any. Its layout says how both are packed.
final class GroupedWeight: LaidOutWeight {
  /// How codes become values.
  struct Groups: Sendable {
    let levels: GroupLevels
    /// Columns that share a scale, from the first on.
    let columns: Int
    /// The group of each column, where groups are not runs of columns.
    var groupOfColumn: [Int32]?
    let scales: any GroupNumbers
    var offset = GroupOffset.none
    /// What an offset other than none is.
    var offsets: (any GroupNumbers)?
  }

  let name: String
  let shape: [Int]
  let layout: any WeightLayout
  let typeName: String
  let storedNames: [String]
  let originalEncoding: Encoding?
  let source: any TensorSource
  private let codes: any StoredCodes
  private let groups: Groups

  init(
    name: String, shape: [Int], layout: any WeightLayout, typeName: String, storedNames: [String],
    originalEncoding: Encoding?, codes: any StoredCodes, groups: Groups, source: any TensorSource
  ) {
    self.name = name
    self.shape = shape
    self.layout = layout
    self.typeName = typeName
    self.storedNames = storedNames
    self.originalEncoding = originalEncoding
    self.codes = codes
    self.groups = groups
    self.source = source
  }

  var type: TargetType? { nil }
  var isQuantized: Bool { true }

  func read(
    elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    var start = 0
    for part in RowPart.parts(of: elements, width: columns) {
      var span = values._mutatingExtracting(start..<start + part.count)
      try read(part, into: &span)
      start += part.count
    }
  }

  private func read(_ part: RowPart, into values: inout MutableSpan<Float>) throws(FileError) {
    let codes = try codes.codes(ofAny: part, columns: columns, from: source)
    if let groupOf = groups.groupOfColumn {
      let all = 0..<columns.dividedRoundingUp(by: groups.columns)
      let (scales, offsets) = try numbers(part.rows, all)
      codes.withBytes { codes in
        KernelSet.best.decodeGroups(
          codes, groupOf: groupOf.span.extracting(part.columns), groups: all.count, groups.levels, scales: scales.span,
          offsets: offsets.span, groups.offset, into: &values)
      }
      return
    }
    let first = part.columns.lowerBound / groups.columns
    let (scales, offsets) = try numbers(
      part.rows, first..<part.columns.upperBound.dividedRoundingUp(by: groups.columns))
    codes.withBytes { codes in
      KernelSet.best.decodeGroups(
        codes, columns: part.columns.count, from: part.columns.lowerBound - first * groups.columns,
        group: groups.columns, groups.levels, scales: scales.span, offsets: offsets.span, groups.offset, into: &values)
    }
  }

  private func numbers(_ rows: Range<Int>, _ range: Range<Int>) throws(FileError) -> (scales: [Float], offsets: [Float])
  {
    let scales = try groups.scales.values(rows: rows, groups: range, from: source)
    let offsets =
      groups.offset == .none ? [] : try groups.offsets?.values(rows: rows, groups: range, from: source) ?? []
    return (scales, offsets)
  }
}
