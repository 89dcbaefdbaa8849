/// What takes the place of a type whose blocks do not fit a row: a type of about as many bits with smaller blocks.
/// Where that does not fit either, the tensor is F16.
///
/// Source: llama.cpp `tensor_type_fallback`.
enum SmallerBlock {
  static func name(for type: String) -> String? { table[type] }

  private static let table: [String: String] = [
    "q2_0": "q4_0", "q2_k": "q4_0", "q3_k": "q4_0", "tq1_0": "q4_0", "tq2_0": "q4_0",
    "q4_k": "q5_0", "q5_k": "q5_1", "q6_k": "q8_0",
    "iq4_xs": "iq4_nl",
  ]
}
