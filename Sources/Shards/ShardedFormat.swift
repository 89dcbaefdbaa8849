package import Bytes
package import Tensors

/// A format whose checkpoints can be several files in one folder with an index: how its files are called and opened, and
/// the rules of its `SPEC.md` that such folders break.
package protocol ShardedFormat {
  associatedtype File: ShardFile
  associatedtype Rule: SpecificationRule

  /// `.safetensors`.
  static var fileEnding: String { get }
  /// The index is JSON of the right form.
  static var indexFile: Rule { get }
  /// A shard's name stays in the folder.
  static var shardName: Rule { get }
  /// Every shard that is named is there.
  static var shardThere: Rule { get }
  /// Each listed tensor is in a shard.
  static var rightShard: Rule { get }
  /// Without an index no tensor is in two shards.
  static var oneShard: Rule { get }
  /// Shards without an index are a complete set.
  static var shardSet: Rule { get }
}

/// One of the files.
package protocol ShardFile: TensorSource {
  /// Opens a file by its bytes.
  init(_ source: any ByteSource) throws(FileError)
  /// What it says besides tensors.
  var metadata: [String: String] { get }
  /// Bytes of its data, each counted once however many tensors are made of it.
  var dataByteCount: Int { get }
  /// What is odd in it, but keeps nobody from reading, as sentences without the path.
  var remarks: [String] { get }
}
