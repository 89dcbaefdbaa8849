/// How a library rounds values to codes and numbers of groups: to nearest, without calibration.
public protocol GroupRounding: Sendable {
  var levels: GroupLevels { get }
  var offset: GroupOffset { get }
  var extent: GroupExtent { get }
  /// Whether `magnitude` has to be known: the largest magnitude of the whole tensor (of all tensors that share a scale).
  var needsMagnitude: Bool { get }

  /// What a calibrated encoder can choose from in the same groups; nil where they are no runs of columns, or have no levels
  /// that are few enough.
  var grid: ScalarGrid? { get }

  /// The number of the whole tensor that scales are multiplied by.
  func number(magnitude: Float) -> Float

  /// Encodes whole rows, in place of what `groups` holds. Values are finite. A run of rows begins at a multiple of
  /// `extent.rows` (where that is not 0).
  ///
  /// The last group of a row, and the last rows of a tensor, may be shorter than the extent, where the library allows it.
  func encode(_ values: Span<Float>, columns: Int, magnitude: Float, into groups: inout EncodedGroups)
}
