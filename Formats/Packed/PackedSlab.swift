internal import Bytes

/// A part of a region that is packed by itself: one frame a plane.
struct PackedSlab: Sendable {
  /// Bytes from the start of the original.
  var offset: Int
  var byteCount: Int
  var layout: PackedLayout
  /// Number of its first frame.
  var firstFrame: Int

  var planeByteCount: Int { byteCount / layout.elementWidth }

  /// All slabs of a file, in order.
  static func slabs(of regions: [PackedRegion], slabByteCount: Int) -> [PackedSlab] {
    var slabs: [PackedSlab] = []
    var frame = 0
    for region in regions {
      for start in stride(from: 0, to: region.byteCount, by: slabByteCount) {
        slabs.append(
          PackedSlab(
            offset: region.offset + start, byteCount: min(slabByteCount, region.byteCount - start),
            layout: region.layout, firstFrame: frame))
        frame += region.layout.elementWidth
      }
    }
    return slabs
  }
}
