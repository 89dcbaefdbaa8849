internal import Bytes

/// Takes elements apart into planes of bytes, and puts them together.
///
/// The loops run over raw pointers, checked once at the start: bounds checks inside would cost more than the
/// compression.
enum Planes {
  /// Fills `planes`, one plane after another, from `elements`. Both have the same number of bytes, a multiple of
  /// the element width.
  static func split(_ elements: Span<UInt8>, into planes: inout MutableSpan<UInt8>, _ layout: PackedLayout) {
    precondition(elements.count == planes.count && elements.count % layout.elementWidth == 0)
    let count = elements.count / layout.elementWidth
    unsafe elements.withUnsafeBytes { source in
      unsafe planes.withUnsafeMutableBytes { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        switch layout.elementWidth {
        case 2: unsafe split(UInt16.self, source, target, count, layout.rotatesSign ? 1 : 0)
        case 4: unsafe split(UInt32.self, source, target, count, layout.rotatesSign ? 1 : 0)
        case 8: unsafe split(UInt64.self, source, target, count, layout.rotatesSign ? 1 : 0)
        default: unsafe target.copyMemory(from: source, byteCount: count * layout.elementWidth)
        }
      }
    }
  }

  /// Undoes `split`.
  static func join(_ planes: Span<UInt8>, into elements: inout MutableRawSpan, _ layout: PackedLayout) {
    precondition(elements.byteCount == planes.count && planes.count % layout.elementWidth == 0)
    let count = planes.count / layout.elementWidth
    unsafe planes.withUnsafeBytes { source in
      unsafe elements.withUnsafeMutableBytes { target in
        guard let source = source.baseAddress, let target = target.baseAddress else { return }
        switch layout.elementWidth {
        case 2: unsafe join(UInt16.self, source, target, count, layout.rotatesSign ? 1 : 0)
        case 4: unsafe join(UInt32.self, source, target, count, layout.rotatesSign ? 1 : 0)
        case 8: unsafe join(UInt64.self, source, target, count, layout.rotatesSign ? 1 : 0)
        default: unsafe target.copyMemory(from: source, byteCount: count * layout.elementWidth)
        }
      }
    }
  }

  @inline(__always)
  private static func split<Word: FixedWidthInteger & UnsignedInteger>(
    _: Word.Type, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ count: Int, _ rotation: Word
  ) {
    let width = MemoryLayout<Word>.size
    let planes = unsafe target.assumingMemoryBound(to: UInt8.self)
    for index in 0..<count {
      let word = unsafe Word(littleEndian: source.loadUnaligned(fromByteOffset: index &* width, as: Word.self))
      let rotated = word &<< rotation | word &>> (0 &- rotation)
      for plane in 0..<width {
        unsafe planes[plane &* count &+ index] = UInt8(truncatingIfNeeded: rotated &>> Word(truncatingIfNeeded: 8 &* plane))
      }
    }
  }

  @inline(__always)
  private static func join<Word: FixedWidthInteger & UnsignedInteger>(
    _: Word.Type, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ count: Int, _ rotation: Word
  ) {
    let width = MemoryLayout<Word>.size
    let planes = unsafe source.assumingMemoryBound(to: UInt8.self)
    for index in 0..<count {
      var rotated: Word = 0
      for plane in 0..<width {
        rotated |= unsafe Word(truncatingIfNeeded: planes[plane &* count &+ index]) &<< Word(truncatingIfNeeded: 8 &* plane)
      }
      let word = rotated &>> rotation | rotated &<< (0 &- rotation)
      unsafe target.storeBytes(of: word.littleEndian, toByteOffset: index &* width, as: Word.self)
    }
  }
}
