internal import Bytes
internal import Quantization
internal import Tensors

/// A stored tensor of a weight of groups, as it is written.
protocol GroupPlane: Sendable {
  /// Rows that are packed together: a run of rows begins at a multiple of so many.
  var rowMultiple: Int { get }

  /// Whether rows of the weight are columns of what is stored, so that many rows at a time make longer runs.
  var isTurned: Bool { get }

  /// Gives the bytes of some whole rows, and which of the tensor they are.
  /// - Returns: false where a number has no stored form.
  func write(
    _ groups: EncodedGroups, rows: Range<Int>, _ put: (RawSpan, PlaneLines) throws(FileError) -> Void
  ) throws(FileError) -> Bool
}

extension GroupPlane {
  var rowMultiple: Int { 1 }
  var isTurned: Bool { false }
}
