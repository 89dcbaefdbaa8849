internal import Architectures
internal import FuzzSupport
internal import JSON

extension ModelsTargets {
  static let config = FuzzTarget("config", seeds: ["Tests/Fixtures/TinyLlama/config.json", "Tests/Fuzz/Seeds/config"]) {
    bytes in
    let json = try JSONValue(parsing: bytes)
    for family in ModelFamilies.all {
      var configuration = try family.configuration(fromConfig: json, path: "config.json")
      // What is not understood of RoPE is not written.
      if case .notUnderstood = configuration.rope.scaling { continue }
      let again = try FuzzFinding.ifThrows("cannot be read again") {
        try family.configuration(fromConfig: .object(try family.config(for: configuration)), path: "again")
      }
      // Mistral's own class has no biases, so there is no key for them.
      if configuration.className == "MistralForCausalLM" {
        configuration.hasAttentionBias = false
        configuration.hasFeedForwardBias = false
      }
      try FuzzFinding.unless(again == configuration, "\(configuration) is \(again) when read again")
    }
  }
}
