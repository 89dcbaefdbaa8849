internal import Bytes

/// The rules of `SPEC.md`.
package enum TorchPickleRule: Int, CaseIterable, SpecificationRule {
  // The file.
  case opening = 1
  // The zip form.
  case endOfDirectory
  case directory
  case directoryEntry
  case storedEntry
  case entryName
  case localHeader
  case entryRange
  case records
  case byteOrder
  // The legacy form.
  case legacyOpening
  case legacyStorageKeys
  case legacyStorages
  // The pickle.
  case operation = 20
  case pickleEnd
  case stack
  case memo
  case string
  case global
  case call
  case container
  case persistentID
  // Tensors.
  case tensorKind = 30
  case elementType
  case dimensions
  case storage
  case insideStorage
  case totals
  case stateDictionary
  case tensorName
  // Folders.
  case indexFile = 40
  case shardName
  case shardThere
  case rightShard
  case oneShard
  case folder
  case shardSet

  package static let document = "PT"
}
