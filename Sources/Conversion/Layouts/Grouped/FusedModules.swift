/// Linear layers that inference engines run as one matrix, and which therefore share the scale of the whole tensor.
/// Source: llm-compressor `update_fused_layer_weight_global_scales`.
enum FusedModules {
  private static let sets = [["q_proj", "k_proj", "v_proj"], ["gate_proj", "up_proj"]]

  /// One name for all weights of a set; nil for a weight of none.
  static func owner(of name: String) -> String? {
    let parts = name.split(separator: ".")
    guard parts.count > 2, let module = parts.dropLast().last,
      let set = sets.first(where: { $0.contains(String(module)) })
    else { return nil }
    return (parts.dropLast(2) + [Substring(set.joined(separator: "+"))]).joined(separator: ".")
  }
}
