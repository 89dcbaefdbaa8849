public import Tensors

/// A run of bytes of a file that is packed, and how they are laid out.
public struct PackedRegion: Hashable, Sendable {
  /// Bytes from the start of the original file.
  public let offset: Int
  public let byteCount: Int
  public let layout: PackedLayout

  public init(offset: Int, byteCount: Int, layout: PackedLayout) {
    self.offset = offset
    self.byteCount = byteCount
    self.layout = layout
  }

  /// The bytes of a tensor.
  public init(_ tensor: PlacedTensor) {
    self.init(
      offset: tensor.offset, byteCount: tensor.descriptor.byteCount,
      layout: PackedLayout(for: tensor.descriptor.encoding))
  }

  /// The whole of a file, in order and without a gap: what `regions` leave out is taken as bytes, what is left of
  /// a broken element too, and neighbours of one layout become one region.
  /// - Returns: nil when a region is not inside the file or two overlap.
  static func covering(_ byteCount: Int, with regions: [PackedRegion]) -> [PackedRegion]? {
    var all: [PackedRegion] = []
    var end = 0
    func add(_ count: Int, _ layout: PackedLayout) {
      guard count > 0 else { return }
      if let last = all.last, last.layout == layout {
        all[all.count - 1] = PackedRegion(offset: last.offset, byteCount: last.byteCount + count, layout: layout)
      } else {
        all.append(PackedRegion(offset: end, byteCount: count, layout: layout))
      }
      end += count
    }
    for region in regions.sorted(by: { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }) {
      guard region.byteCount >= 0, region.offset >= end, region.offset <= byteCount,
        region.byteCount <= byteCount - region.offset
      else { return nil }
      let broken = region.byteCount % region.layout.elementWidth
      add(region.offset - end, .bytes)
      add(region.byteCount - broken, region.layout)
      add(broken, .bytes)
    }
    add(byteCount - end, .bytes)
    return all
  }
}
