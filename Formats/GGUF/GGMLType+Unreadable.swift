extension GGMLType {
  /// Why a number that is none of `all` cannot be read, as the end of a sentence.
  static func reasonUnreadable(_ id: UInt32) -> String {
    if let name = removed[id] {
      return "type \(id) (\(name)) was withdrawn from ggml; quantize the original model again"
    }
    if let name = ofFork[id] {
      return "type \(id) (\(name)) exists only in the ik_llama.cpp fork"
    }
    if forkRange.contains(id) {
      return "type \(id) is not one of ggml's; the ik_llama.cpp fork uses numbers like it"
    }
    return "there is no tensor type \(id); the newest known is \(all.last?.id ?? 0)"
  }

  /// Numbers that ggml gave up, with what they meant.
  private static let removed: [UInt32: String] = [
    4: "q4_2",
    5: "q4_3",
    31: "q4_0_4_4, a repacked q4_0",
    32: "q4_0_4_8, a repacked q4_0",
    33: "q4_0_8_8, a repacked q4_0",
    36: "iq4_nl_4_4, a repacked iq4_nl",
    37: "iq4_nl_4_8, a repacked iq4_nl",
    38: "iq4_nl_8_8, a repacked iq4_nl",
  ]

  private static let forkRange: ClosedRange<UInt32> = 97...400

  private static let ofFork: [UInt32: String] = [
    133: "q6_0", 134: "iq1_bn", 135: "iq2_bn", 137: "iq2_k", 138: "iq3_k", 139: "iq4_k", 140: "iq5_k",
    141: "iq6_k", 144: "iq4_ks", 145: "iq2_ks", 146: "iq4_kss", 152: "iq5_ks", 153: "iq2_kt", 154: "iq3_kt",
    155: "iq4_kt",
  ]
}
