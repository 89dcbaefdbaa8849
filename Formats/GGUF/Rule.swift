internal import Bytes

/// The numbered rules of `SPEC.md`. Every error about the bytes of a file ends with the number of the rule that
/// they break.
enum Rule: Int, CaseIterable {
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

  /// As in `SPEC.md`, in error messages and in the names of fixtures: `GGUF-7`.
  var name: String { "GGUF-\(rawValue)" }

  /// An error that says which rule is broken.
  func broken(
    _ code: FileError.Code = .malformed, path: String, subject: String? = nil, at offset: Int? = nil,
    _ message: String
  ) -> FileError {
    FileError(code, path: path, subject: subject, offset: offset, message, rule: name)
  }
}
