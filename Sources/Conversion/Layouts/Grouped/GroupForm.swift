internal import Quantization
internal import Tensors

/// What the groups of a weight hold, apart from how they are packed: the terms in which two spellings are compared.
struct GroupForm: Hashable, Sendable {
  let levels: GroupLevels
  let offset: GroupOffset
  /// Columns that share a scale.
  let columns: Int
  /// Whether that is every row, however long, and not a number of columns.
  var isRow = false
  /// How scales are stored.
  let scales: NumberFormat
  /// What is done with stored scales.
  var factor = StoredNumbers.Factor.none
  /// The zero of all groups; nil where each has its own.
  var zero: Float?
  /// The group of each column, where groups are not runs of columns; all groups have as many.
  var order: [Int32]?
}

extension GroupForm {
  /// Whether one number stands for 0 in all groups.
  var isSymmetric: Bool { offset == .none || (offset == .zero && zero != nil) }

  /// What types that hold such groups may be: those with zeros of their own may all have the middle one, which a look tells.
  var symmetries: [Bool] { isSymmetric ? [true] : [true, false] }

  /// The columns of a scale; 0 for a whole row.
  var extent: GroupExtent { isRow ? .row : GroupExtent(columns: columns) }
}

extension GroupLevels {
  /// The whole numbers that codes stand for; nil where they stand for floats.
  var wholeNumbers: ClosedRange<Int>? {
    switch self {
    case .integers(let bits): 0...(1 << bits - 1)
    case .signedBytes: -128...127
    case .e2m1, .e4m3, .e5m2: nil
    }
  }
}
