internal import Bytes

/// The rules of `SPEC.md`.
enum PackedRule: Int, SpecificationRule {
  case opening = 1
  case version
  case footer
  case indexFrame
  case indexFields
  case regions
  case frameLengths
  case frameHeader
  case frameContent
  case notice

  static let document = "PACKED"
}
