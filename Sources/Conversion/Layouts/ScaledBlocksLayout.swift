internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// Weights of a GGUF that are multiplied with a number of the whole tensor: `P.weight` in blocks of NVFP4 and `P.scale` in F32,
/// one number, or one for each matrix of a stack. `P.input_scale` beside them is about what they are multiplied with.
///
/// Source: llama.cpp `conversion/base.py` (`_repack_nvfp4`, `_flush_nvfp4_experts`), `llama-model.cpp` (`.scale`).
struct ScaledBlocksLayout: WeightLayout {
  var name: String { "nvfp4 with a scale" }
  var methods: [String] { [] }
  var isKnownInGGUF: Bool { true }

  static let ending = ".scale"
  private static let inputEnding = ".input_scale"

  /// Weights that llama.cpp looks for such a number of; of others it refuses one.
  private static let scaled: Set<String> = [
    "attn_q", "attn_k", "attn_v", "attn_qkv", "attn_output", "attn_gate", "ffn_gate", "ffn_up", "ffn_down",
    "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps", "ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp", "ssm_in",
    "ssm_out", "ssm_alpha", "ssm_beta", "output",
  ]

  /// What the number of a weight of that name is called; nil where there can be none.
  static func scaleName(of name: String) -> String? {
    guard name.hasSuffix(".weight") else { return nil }
    let module = String(name.dropLast(".weight".count))
    let last = module.lastIndex(of: ".").map { String(module[module.index(after: $0)...]) } ?? module
    return scaled.contains(last) ? module + ending : nil
  }

  func weights(in source: any TensorSource, config: JSONValue?) throws(FileError) -> [FoundWeight] {
    guard let blocks = GroupedBlocks.named(Encoding.nvfp4.name) else { return [] }
    var found: [FoundWeight] = []
    for scale in source.tensors where scale.encoding.elementsPerBlock == 1 && scale.name.hasSuffix(Self.ending) {
      let parts = LayoutParts(
        module: String(scale.name.dropLast(Self.ending.count)), layout: name, source: source)
      guard let codes = parts.part(".weight") else { continue }
      guard codes.encoding == .nvfp4, Self.scaleName(of: codes.name) != nil else {
        try refuse(scale, beside: codes, source)
        continue
      }
      let matrices = codes.shape.dropLast(2).reduce(1, *)
      guard scale.encoding == .f32, scale.shape == [matrices], codes.elementCount > 0 else {
        throw FileError(
          .mismatch, path: source.name, subject: scale.name,
          "has shape \(scale.shape) of \(scale.encoding.name), but there is to be one number of f32 for each matrix, of which "
            + "\(codes.name) has \(matrices)")
      }
      let factors = NumberFormat.float(.f32).decode(try source.bytes(of: scale.name))
      if let wrong = factors.first(where: { !$0.isFinite || $0 <= 0 }) {
        throw FileError(.malformed, path: source.name, subject: scale.name, "is \(wrong), which is no scale")
      }
      let stored = BlockCodes(name: codes.name, blocks: blocks, encoding: codes.encoding, columns: codes.columns)
      found.append(
        FoundWeight(
          place: codes.name,
          weight: GroupedWeight(
            name: codes.name, shape: codes.shape, layout: self, typeName: Encoding.nvfp4.name,
            storedNames: [codes.name, scale.name] + [parts.part(Self.inputEnding)?.name].compactMap(\.self),
            originalEncoding: nil, codes: stored,
            groups: GroupedWeight.Groups(
              levels: blocks.levels, columns: blocks.columns,
              scales: BlockScales(codes: stored, factors: factors, rows: codes.rows / matrices)),
            source: source)))
    }
    return found
  }

  /// What llama.cpp multiplies with, and what it would not look for.
  private func refuse(
    _ scale: TensorDescriptor, beside weight: TensorDescriptor, _ source: any TensorSource
  ) throws(FileError) {
    // In a safetensors file other layouts have such parts too.
    guard scale.encoding == .f32, weight.encoding == .nvfp4 || Self.scaleName(of: weight.name) != nil,
      ![Encoding.f8E4M3, .f8E5M2].contains(weight.encoding)
    else { return }
    throw FileError(
      .unsupported, path: source.name, subject: scale.name,
      weight.encoding == .nvfp4
        ? "would multiply \(weight.name), for which llama.cpp has no such number"
        : "multiplies \(weight.name), which is \(weight.encoding.name); such a number is read beside nvfp4 only")
  }

  func reader(of type: TargetType?) -> String { "llama.cpp" }
}
