internal import Bytes

/// The rules of `SPEC.md`.
enum GGUFRule: Int, CaseIterable, SpecificationRule {
  // The file.
  case magic = 1
  case version
  case byteOrder
  case insideFile
  case counts
  case headerLimit
  // Metadata.
  case key
  case keyUnique
  case valueType
  case bool
  case string
  case array
  case wellKnownKey
  case alignment
  // Tensors.
  case tensorName
  case tensorNameUnique
  case dimensionCount
  case dimensions
  case tensorType
  case wholeBlocks
  case tensorOffset
  case tensorInsideFile
  case overlap
  case unclaimedBytes
  case bigEndianData
  // Split sets.
  case shardName
  case shardKeys
  case shardTotals
  case shardMetadata
  // Writing.
  case writtenLayout
  case writtenMetadata
  case writtenTensors
  case writtenSplit

  static let document = "GGUF"
}
