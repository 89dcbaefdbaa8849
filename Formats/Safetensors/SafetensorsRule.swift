internal import Bytes

/// The rules of `SPEC.md`.
package enum SafetensorsRule: Int, SpecificationRule {
  case lengthField = 1
  case headerLimit
  case headerInside
  case openingBrace
  case strictJSON
  case uniqueNames
  case fields
  case metadata
  case elementType
  case shape
  case offsets
  case size
  case wholeBytes
  case coverage
  case dataInside
  case indexFile = 20
  case shardName
  case shardThere
  case rightShard
  case oneShard
  case folder
  case shardSet

  package static let document = "ST"
}
