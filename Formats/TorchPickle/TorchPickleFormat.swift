internal import Shards
internal import Tensors

/// Checkpoints of PyTorch as a format of several files.
package enum TorchPickleFormat: ShardedFormat {
  package typealias File = TorchPickleFile

  package static let fileEnding = ".bin"
  package static let indexFile = TorchPickleRule.indexFile
  package static let shardName = TorchPickleRule.shardName
  package static let shardThere = TorchPickleRule.shardThere
  package static let rightShard = TorchPickleRule.rightShard
  package static let oneShard = TorchPickleRule.oneShard
  package static let shardSet = TorchPickleRule.shardSet
}

extension TorchPickleFile: ShardFile {
  package var metadata: [String: String] { [:] }
  package var dataByteCount: Int { placedStorages.reduce(0) { $0 + $1.descriptor.byteCount } }
}
