internal import Bytes

/// ggml's `mxfp4` blocks, an exponent before 16 bytes of codes, as the codes and the exponents that gpt-oss has.
///
/// A byte of ggml's holds the values `j` and `j + 16`, one of gpt-oss's the values `2 j` and `2 j + 1`.
struct MXFP4Planes: PlaneSplit {
  static let elements = 32
  static let codeBytes = 16
  static let blockBytes = 17

  var planeCount: Int { 2 }

  func byteCount(plane: Int, elements: Int) -> Int {
    elements / Self.elements * (plane == 0 ? Self.codeBytes : 1)
  }

  func split(_ blocks: RawSpan, into planes: inout MutableRawSpan) {
    let count = blocks.byteCount / Self.blockBytes
    let half = Self.codeBytes / 2
    for block in 0..<count {
      let from = block * Self.blockBytes
      planes.store(blocks.byte(at: from), at: count * Self.codeBytes + block)
      let to = block * Self.codeBytes
      for pair in 0..<half {
        let (first, second) = (blocks.byte(at: from + 1 + 2 * pair), blocks.byte(at: from + 2 + 2 * pair))
        planes.store(first & 0x0F | second << 4, at: to + pair)
        planes.store(first >> 4 | second & 0xF0, at: to + half + pair)
      }
    }
  }

  /// The blocks of planes that lie one after another.
  func join(_ planes: RawSpan, into blocks: inout MutableRawSpan) {
    let count = planes.byteCount / Self.blockBytes
    let half = Self.codeBytes / 2
    for block in 0..<count {
      let to = block * Self.blockBytes
      blocks.store(planes.byte(at: count * Self.codeBytes + block), at: to)
      let from = block * Self.codeBytes
      for pair in 0..<half {
        let (low, high) = (planes.byte(at: from + pair), planes.byte(at: from + half + pair))
        blocks.store(low & 0x0F | high << 4, at: to + 1 + 2 * pair)
        blocks.store(low >> 4 | high & 0xF0, at: to + 2 + 2 * pair)
      }
    }
  }
}
