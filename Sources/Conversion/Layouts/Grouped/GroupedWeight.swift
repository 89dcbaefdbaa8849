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
    /// Whether these are all of a row.
    var isRow = false
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
  /// Columns of the matrix that has the codes and groups: the weight's elements in their order, perhaps in other rows.
  private let width: Int
  /// Where groups are not runs of columns, and all have as many.
  private let sort: ColumnSort?

  /// - Parameter width: nil where the weight's own rows are those of its codes.
  init(
    name: String, shape: [Int], layout: any WeightLayout, typeName: String, storedNames: [String],
    originalEncoding: Encoding?, codes: any StoredCodes, groups: Groups, type: TargetType? = nil, width: Int? = nil,
    source: any TensorSource
  ) {
    self.type = type
    self.name = name
    self.shape = shape
    self.layout = layout
    self.typeName = typeName
    self.storedNames = storedNames
    self.originalEncoding = originalEncoding
    self.codes = codes
    self.groups = groups
    self.source = source
    self.width = width ?? shape.last ?? 1
    sort = groups.groupOfColumn.flatMap { ColumnSort(groupOfColumn: $0, size: groups.columns) }
  }

  let type: TargetType?
  var isQuantized: Bool { true }
  var isStoredByColumns: Bool { codes.isByColumns }

  /// The same with columns in the order of their groups, which are runs of them then, and that order; nil where they are, or
  /// groups differ in size.
  var inOrderOfGroups: (weight: GroupedWeight, order: [Int])? {
    guard let sort, width == columns else { return nil }
    var groups = groups
    groups.groupOfColumn = nil
    let weight = GroupedWeight(
      name: name, shape: shape, layout: layout, typeName: typeName, storedNames: storedNames,
      originalEncoding: originalEncoding, codes: SortedCodes(codes: codes, sort: sort), groups: groups, type: type,
      source: source)
    return (weight, sort.columns)
  }

  // MARK: - As groups

  /// Whether groups lie along its rows.
  private var hasRuns: Bool {
    (groups.groupOfColumn == nil || sort != nil) && width == columns && columns > 0 && columns % groups.columns == 0
      && groups.scales.stored(ofMatrix: 0) != nil
  }

  func groupForm(ofMatrix matrix: Int?) -> GroupForm? {
    guard hasRuns, let numbers = groups.scales.stored(ofMatrix: matrix) else { return nil }
    return GroupForm(
      levels: groups.levels, offset: groups.offset, columns: groups.columns, isRow: groups.isRow,
      scales: numbers.format,
      factor: numbers.factor, zero: groups.offset == .zero ? (groups.offsets as? ConstantNumber)?.value : nil,
      order: groups.groupOfColumn)
  }

  var copiedEncoding: Encoding? {
    hasRuns ? InterchangeBlocks(groups.levels, groups.offset, columns: groups.columns, order: sort).encoding : nil
  }

  func readEncoded(fromElement element: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    guard let blocks = copiedEncoding.flatMap(InterchangeBlocks.init) else {
      throw FileError(.unsupported, path: source.name, subject: name, "has no groups along its rows")
    }
    let count = bytes.byteCount / blocks.encoding.bytesPerBlock * blocks.columns
    var start = 0
    for part in RowPart.parts(of: element..<element + count, width: columns) {
      let encoded = try encoded(part)
      let size = part.count / blocks.columns * blocks.encoding.bytesPerBlock
      var own = bytes._mutatingExtracting(start..<start + size)
      blocks.close(encoded, into: &own)
      start += size
    }
  }

  /// The groups of whole rows.
  func encoded(rows: Range<Int>) throws(FileError) -> EncodedGroups {
    try encoded(RowPart(rows: rows, columns: 0..<columns))
  }

  private func encoded(_ part: RowPart) throws(FileError) -> EncodedGroups {
    var encoded = EncodedGroups()
    encoded.codes = try sortedCodes(of: part)
    (encoded.scales, encoded.offsets) = try numbers(
      part.rows, part.columns.lowerBound / groups.columns..<part.columns.upperBound / groups.columns)
    return encoded
  }

  /// Codes with those of a group side by side.
  private func sortedCodes(of part: RowPart) throws(FileError) -> [UInt8] {
    guard let sort else { return try codes.codes(ofAny: part, columns: columns, from: source) }
    let whole = RowPart(rows: part.rows, columns: 0..<columns)
    return sort.sorted(try codes.codes(ofAny: whole, columns: columns, from: source), columns: part.columns)
  }

  var groupsPerRow: Int { max(1, columns / groups.columns) }

  /// The numbers of all groups of some rows, without their codes.
  func numbers(ofRows rows: Range<Int>) throws(FileError) -> EncodedGroups {
    var encoded = EncodedGroups()
    (encoded.scales, encoded.offsets) = try numbers(rows, 0..<columns / groups.columns)
    return encoded
  }

  func read(
    elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    var start = 0
    for part in RowPart.parts(of: elements, width: width) {
      var span = values._mutatingExtracting(start..<start + part.count)
      try read(part, into: &span)
      start += part.count
    }
  }

  private func read(_ part: RowPart, into values: inout MutableSpan<Float>) throws(FileError) {
    let codes = try codes.codes(ofAny: part, columns: width, from: source)
    if let groupOf = groups.groupOfColumn {
      let all = 0..<width.dividedRoundingUp(by: groups.columns)
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
