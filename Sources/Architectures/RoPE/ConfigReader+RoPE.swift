internal import Bytes
internal import JSON

extension ConfigReader {
  /// The object that holds settings of RoPE, older or newer; of one kind of layers where it has several.
  func ropeObject(layers: String? = nil) -> ConfigReader? {
    if let older = try? object("rope_scaling"), older.config.object?.isEmpty == false { return older }
    guard let newer = try? object("rope_parameters") else { return nil }
    return layers.flatMap { try? newer.object($0) } ?? newer
  }

  /// The share of each head that is turned.
  func rotaryShare(_ names: String..., default fallback: Double) throws(FileError) -> Double {
    for reader in [ropeObject(), self].compactMap(\.self) {
      for name in ["partial_rotary_factor"] + names where reader.has(name) {
        let share = try reader.number(name)
        guard share > 0, share <= 1 else { throw reader.malformed(name, "is not between 0 and 1") }
        return share
      }
    }
    return fallback
  }

  /// Settings of RoPE that the file says, of those that a GGUF says only then.
  var saidRopeKeys: [String] {
    let reader = ropeObject(layers: "full_attention")
    return ["beta_fast", "beta_slow", "attention_factor"].filter { reader?.has($0) == true }
  }
}
