internal import Shards
internal import Tensors

/// Safetensors as a format of several files.
package enum SafetensorsFormat: ShardedFormat {
  package typealias File = SafetensorsFile

  package static let fileEnding = ".safetensors"
  package static let indexFile = SafetensorsRule.indexFile
  package static let shardName = SafetensorsRule.shardName
  package static let shardThere = SafetensorsRule.shardThere
  package static let rightShard = SafetensorsRule.rightShard
  package static let oneShard = SafetensorsRule.oneShard
  package static let shardSet = SafetensorsRule.shardSet
}

extension SafetensorsFile: ShardFile {
  package var dataByteCount: Int { tensors.reduce(0) { $0 + $1.byteCount } }
  package var remarks: [String] { [] }
}
