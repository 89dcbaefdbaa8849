internal import FuzzSupport
internal import Safetensors
internal import Shards

extension FormatsTargets {
  static let safetensorsIndex = FuzzTarget(
    "safetensors-index",
    seeds: [
      "Formats/Safetensors/Fixtures/valid/sharded", "Formats/Safetensors/Fixtures/hostile",
      "Tests/Fixtures/TinyLlama/model.safetensors.index.json",
    ]
  ) { bytes in
    let index = try ShardIndex<SafetensorsFormat>(parsing: bytes, path: "input")
    for shard in index.shards.values {
      // Whatever else a name is, it stays in the folder.
      try FuzzFinding.unless(!shard.contains("/") && !shard.hasPrefix("."), "the shard \(shard) is elsewhere")
    }
  }
}
