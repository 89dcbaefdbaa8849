internal import Bytes

/// The rules of section 9 of `Formats/GGUF/SPEC.md`, which stand beside those of GGUF itself.
enum ImportanceRule: Int, CaseIterable, SpecificationRule {
  case form = 1
  case metadata
  case pairs
  case sizes
  case sums
  case counts
  case oldHeader
  case oldNames
  case oldValues
  case oldEnd
  case merging
  case writing
  case part
  case assembling

  static let document = "IMATRIX"
}
