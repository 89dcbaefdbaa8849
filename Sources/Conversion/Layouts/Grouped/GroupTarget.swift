internal import Quantization

/// What groups have to be for a spelling to hold them.
struct GroupTarget: Hashable, Sendable {
  let levels: GroupLevels
  let offset: GroupOffset
  /// Rows and columns that share a scale; 0 is all.
  let extent: GroupExtent
  let scales: NumberFormat
  var factor = StoredNumbers.Factor.none
  /// How biases are stored.
  var biases: NumberFormat?
  /// The one zero that there is; nil where each group has its own.
  var zero: Float?
  /// The group of each column, where groups are not runs of columns.
  var order: [Int32]?
  /// Whether scales have no sign, whatever their format.
  var isUnsigned = false
}

extension GroupTarget {
  /// What groups have to be for blocks of a ggml type.
  init(_ blocks: GroupedBlocks) {
    let form = GroupForm(blocks)
    self.init(
      levels: form.levels, offset: form.offset, extent: GroupExtent(columns: form.columns), scales: form.scales,
      biases: form.offset == .bias ? form.scales : nil, zero: form.zero, isUnsigned: form.scales == .e4m3)
  }
}
