internal import Bytes

/// What the name of an adapter's tensor says: a module of the model, and what of it.
struct AdapterKey: Hashable {
  enum Part: Hashable {
    /// The factors of a linear layer, and a bias of the second one.
    case down, up, upBias
    /// The factors of an embedding, which are transposed.
    case embeddingDown, embeddingUp
    /// DoRA's magnitudes.
    case magnitude
    /// Rows of an embedding that were trained by themselves.
    case tokenRows
    /// What lies under the adapter: a parameter of the model itself.
    case baseWeight, baseBias
    /// A parameter under its plain name.
    case weight, bias
    /// The same of a module in `modules_to_save`, as it stands in a model.
    case copiedWeight, copiedBias
    /// A buffer of training alone.
    case buffer
  }

  let module: String
  let part: Part
  /// The name of the adapter, where it stands in the tensor's.
  let adapter: String?

  /// The module of a GGUF whose factors lie as llama.cpp looks rows of them up.
  static let ggufEmbedding = "token_embd"

  /// Nil for a name that is not part of an adapter that is known.
  init?(_ stored: String, _ spelling: AdapterSpelling) {
    switch spelling {
    case .peft: self.init(peft: stored)
    case .mlx: self.init(stored, Self.mlxParts)
    case .gguf: self.init(stored, Self.ggufParts)
    }
  }

  /// Factors and magnitudes, and the parameters of a model that was trained whole.
  private static let mlxParts: [(ending: String, part: Part)] = [
    (".lora_a", .down), (".lora_b", .up), (".m", .magnitude), (".weight", .copiedWeight), (".bias", .copiedBias),
  ]

  private static let ggufParts: [(ending: String, part: Part)] = [(".weight.lora_a", .down), (".weight.lora_b", .up)]

  private init?(_ stored: String, _ parts: [(ending: String, part: Part)]) {
    guard let (ending, part) = parts.first(where: { stored.hasSuffix($0.ending) }),
      stored.utf8.count > ending.utf8.count
    else { return nil }
    self.init(stored.dropLast(ending.count).split(separator: ".").map(String.init), part, nil)
  }

  /// PEFT's names, as it saves them and as they stand in its models: with the name of the adapter in them, and with what
  /// training leaves around a model.
  private init?(peft stored: String) {
    var parts = stored.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    parts.removeAll { $0 == "_orig_mod" || $0 == "_fsdp_wrapped_module" }
    if parts.first == "module" { parts.removeFirst() }
    if parts.starts(with: ["base_model", "model"]) { parts.removeFirst(2) }
    guard let marker = parts.lastIndex(where: Self.markers.contains) else {
      guard let kind = parts.last, let part = Self.parts[kind]?.plain, !Self.belongsToAnAdapter(parts.dropLast()) else {
        return nil
      }
      self.init(parts.dropLast(), part, nil)
      return
    }
    let rest = Array(parts[(marker + 1)...])
    var owner = parts[..<marker]
    switch parts[marker] {
    case "lora_A":
      guard let (name, kind) = Self.nameAndKind(rest), kind == "weight" else { return nil }
      self.init(owner, .down, name)
    case "lora_B":
      guard let (name, kind) = Self.nameAndKind(rest), kind != nil else { return nil }
      self.init(owner, kind == "weight" ? .up : .upBias, name)
    case "lora_embedding_A", "lora_embedding_B":
      guard let (name, kind) = Self.nameAndKind(rest), kind == nil else { return nil }
      self.init(owner, parts[marker] == "lora_embedding_A" ? .embeddingDown : .embeddingUp, name)
    case "lora_magnitude_vector":
      guard let (name, kind) = Self.nameAndKind(rest), kind != "bias" else { return nil }
      self.init(owner, .magnitude, name)
    case "lora_velora_embed":
      guard let (name, kind) = Self.nameAndKind(rest), kind == nil else { return nil }
      self.init(owner, .buffer, name)
    case "token_adapter":
      guard let (name, kind) = Self.nameAndKind(Array(rest.dropFirst())), kind == nil else { return nil }
      switch rest.first {
      case "trainable_tokens_delta": self.init(owner, .tokenRows, name)
      case "trainable_tokens_original": self.init(owner, .buffer, name)
      default: return nil
      }
    case "base_layer":
      guard rest.count == 1, let part = Self.parts[rest[0]]?.base else { return nil }
      if owner.last == "token_adapter" { owner.removeLast() }
      self.init(owner, part, nil)
    case "original_module":
      guard let kind = rest.last, let part = Self.parts[kind]?.base else { return nil }
      self.init(owner + rest.dropLast(), part, nil)
    default:
      // modules_to_save: the name of the adapter, unless that was taken out, and a path inside the module.
      guard let kind = rest.last, let part = Self.parts[kind]?.copied else { return nil }
      let inner = rest.dropLast()
      self.init(owner + inner.dropFirst(), part, inner.first)
    }
  }

  private init?(_ module: some Sequence<String>, _ part: Part, _ adapter: String?) {
    let parts = Array(module)
    // A mark inside the module's name: several wrappers around each other, which nothing here explains.
    guard !parts.isEmpty, !Self.belongsToAnAdapter(parts) else { return nil }
    self.module = parts.joined(separator: ".")
    self.part = part
    self.adapter = adapter
  }

  private static let markers: Set<String> = [
    "lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector", "lora_velora_embed",
    "token_adapter", "base_layer", "original_module", "modules_to_save",
  ]

  private static let parts: [String: (plain: Part, base: Part, copied: Part)] = [
    "weight": (.weight, .baseWeight, .copiedWeight), "bias": (.bias, .baseBias, .copiedBias),
  ]

  private static func belongsToAnAdapter(_ parts: some Sequence<String>) -> Bool {
    parts.contains { markers.contains($0) || $0.hasPrefix("lora_") }
  }

  /// Takes apart `weight`, `NAME.weight`, `NAME` and nothing.
  private static func nameAndKind(_ rest: [String]) -> (name: String?, kind: String?)? {
    let kind = rest.last.flatMap { parts[$0] == nil ? nil : $0 }
    let names = kind == nil ? rest[...] : rest.dropLast()
    return names.count <= 1 ? (names.first, kind) : nil
  }
}
