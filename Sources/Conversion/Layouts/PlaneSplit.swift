internal import Bytes

/// How blocks that lie one after another are stored as several planes, each with a part of every block: only bytes change
/// places.
public protocol PlaneSplit: Sendable {
  var planeCount: Int { get }

  /// Bytes that `elements` elements, whole blocks, take in a plane.
  func byteCount(plane: Int, elements: Int) -> Int

  /// Writes the parts of `blocks` to `planes`, plane after plane.
  func split(_ blocks: RawSpan, into planes: inout MutableRawSpan)
}
