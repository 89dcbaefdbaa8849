internal import Bytes
internal import Quantization
internal import Tensors

/// A stored list of the group that each column belongs to.
enum ColumnOrder {
  /// The group of each column; nil where groups are runs of columns, one after another.
  /// - Parameter allowsNone: whether -1 throughout says that there is no such list.
  static func groups(
    of order: TensorDescriptor, columns: Int, group: Int, groups: Int, _ parts: LayoutParts, allowsNone: Bool = false
  ) throws(FileError) -> [Int32]? {
    try parts.check(order, [.i32], [columns], .groupList)
    let indices = try parts.source.bytes(of: order.name).withBytes { bytes in
      stride(from: 0, to: bytes.byteCount, by: 4).map { Int32(bitPattern: bytes.word(at: $0)) }
    }
    if allowsNone, indices.allSatisfy({ $0 == -1 }) { return nil }
    if let place = indices.firstIndex(where: { $0 < 0 || Int($0) >= groups }) {
      throw LayoutRule.groupList.broken(
        .malformed, path: parts.source.name, subject: order.name,
        "says group \(indices[place]) for column \(place), but there are \(groups) groups")
    }
    let isInOrder = indices.enumerated().allSatisfy { Int($1) == $0 / group }
    return isInOrder ? nil : indices
  }
}
