internal import Bytes
internal import Quantization
internal import Tensors

/// Groups along a row as blocks that can change places, as rows do when they are permuted or stacked: the codes, a byte each,
/// then scale and offset in F32. They are in memory only, between one packing and another.
struct InterchangeBlocks: Sendable {
  let levels: GroupLevels
  let offset: GroupOffset
  /// Columns of a group.
  let columns: Int
  let encoding: Encoding

  private static let numberBytes = 8

  /// - Parameter order: in which groups have their columns; blocks of another order are other blocks.
  init(_ levels: GroupLevels, _ offset: GroupOffset, columns: Int, order: ColumnSort? = nil) {
    self.levels = levels
    self.offset = offset
    self.columns = columns
    encoding = Encoding(
      name: Self.name(levels, offset) + (order.map { Self.ordered + $0.digest } ?? ""), elementsPerBlock: columns,
      bytesPerBlock: columns + Self.numberBytes)
  }

  /// Those of an encoding; nil where it is one of files.
  init?(_ encoding: Encoding) {
    let name = encoding.name.firstRange(of: Self.ordered).map { String(encoding.name[..<$0.lowerBound]) }
    guard let (levels, offset) = Self.kinds[name ?? encoding.name] else { return nil }
    self.levels = levels
    self.offset = offset
    columns = encoding.elementsPerBlock
    self.encoding = encoding
  }

  private static let ordered = " in the order "

  private static func name(_ levels: GroupLevels, _ offset: GroupOffset) -> String { "groups of \(levels), \(offset)" }

  private static let kinds: [String: (GroupLevels, GroupOffset)] = {
    let levels: [GroupLevels] = (1...8).map { .integers(bits: $0) } + [.signedBytes, .e2m1, .e4m3, .e5m2]
    var kinds: [String: (GroupLevels, GroupOffset)] = [:]
    for level in levels {
      for offset in [GroupOffset.none, .zero, .bias] { kinds[name(level, offset)] = (level, offset) }
    }
    return kinds
  }()

  /// Whole blocks of groups one after another.
  func close(_ groups: EncodedGroups, into bytes: inout MutableRawSpan) {
    let size = encoding.bytesPerBlock
    groups.codes.withBytes { codes in
      for block in groups.scales.indices {
        bytes.copy(codes.extracting(block * columns..<(block + 1) * columns), at: block * size)
        bytes.store(groups.scales[block], at: block * size + columns)
        bytes.store(offset == .none ? 0 : groups.offsets[block], at: block * size + columns + 4)
      }
    }
  }

  func open(_ bytes: RawSpan, into groups: inout EncodedGroups) {
    let size = encoding.bytesPerBlock
    let count = bytes.byteCount / size
    groups.codes.resize(to: count * columns)
    groups.scales.resize(to: count)
    groups.offsets.resize(to: offset == .none ? 0 : count)
    groups.codes.withMutableBytes { codes in
      for block in 0..<count {
        codes.copy(bytes.extracting(block * size..<block * size + columns), at: block * columns)
      }
    }
    for block in 0..<count {
      let numbers = block * size + columns
      groups.scales[block] = bytes.float(at: numbers)
      if offset != .none { groups.offsets[block] = bytes.float(at: numbers + 4) }
    }
  }
}

extension Array where Element: ExpressibleByIntegerLiteral {
  /// Room for `count` elements, of which those that were there stay.
  mutating func resize(to count: Int) {
    if self.count > count { removeLast(self.count - count) }
    if self.count < count { append(contentsOf: repeatElement(0, count: count - self.count)) }
  }
}
