internal import Conversion
internal import FuzzSupport

extension ModelsTargets {
  static let adapterConfig = FuzzTarget(
    "adapter-config",
    seeds: [
      "Tests/Fixtures/adapters/plain/adapter_config.json",
      "Tests/Fixtures/adapters/rslora-patterns/adapter_config.json",
      "Tests/Fixtures/MLXAdapters/lora/adapter_config.json",
      "Tests/Fuzz/Seeds/adapter-config",
    ]
  ) { bytes in
    // Of mlx-lm, or of PEFT, which says why it is refused.
    let config =
      try (try? AdapterConfig(mlx: bytes, path: "adapter_config.json"))
      ?? AdapterConfig(parsing: bytes, path: "adapter_config.json")
    let modules = [
      "model.layers.11.self_attn.q_proj", "model.embed_tokens", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
    ]
    for settings in config.settings(of: modules).values {
      let rank = try config.rank(settings)
      let scale = config.scale(settings, rank: rank)
      try FuzzFinding.unless(rank > 0 && !scale.isNaN, "rank \(rank), scale \(scale)")
    }
  }
}
