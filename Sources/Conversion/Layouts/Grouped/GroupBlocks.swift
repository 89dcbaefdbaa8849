internal import Bytes
internal import Quantization
internal import Tensors

/// Blocks along the rows of a stored weight, seen as groups: those of a ggml type, or of another spelling in its interchange
/// form.
enum GroupBlocks: Sendable {
  case ggml(GroupedBlocks)
  case interchange(InterchangeBlocks)

  /// Those of an encoding; nil where it is none of groups.
  init?(_ encoding: Encoding?) {
    guard let encoding else { return nil }
    if let blocks = InterchangeBlocks(encoding) {
      self = .interchange(blocks)
    } else if let blocks = GroupedBlocks.named(encoding.name) {
      self = .ggml(blocks)
    } else {
      return nil
    }
  }

  func open(_ bytes: RawSpan, into groups: inout EncodedGroups) {
    switch self {
    case .ggml(let blocks): blocks.open(bytes, into: &groups)
    case .interchange(let blocks): blocks.open(bytes, into: &groups)
    }
  }
}

extension GroupForm {
  /// What the blocks of a ggml type hold.
  init(_ blocks: GroupedBlocks) {
    let scales: NumberFormat =
      switch blocks.levels {
      case .e2m1: blocks.columns == 16 ? .e4m3 : .exponent
      default: .float(.f16)
      }
    self.init(
      levels: blocks.levels, offset: blocks.offset, columns: blocks.columns, scales: scales,
      zero: blocks.offset == .zero ? Float(1 << (blocks.levels.bits - 1)) : nil)
  }
}
