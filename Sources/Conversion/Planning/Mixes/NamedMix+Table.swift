extension NamedMix {
  /// Every mix, one entry each: the type of most weights, the file type's number, and the exceptions.
  ///
  /// Not in the table, since it holds for all: `output.weight` (or the embedding where it is the output as well) is
  /// q6_k, in q8_0 files and of Falcon q8_0; with eight experts, matrices of keys and values are q8_0.
  public static let all: [NamedMix] = [
    NamedMix(
      "q4_0", of: "q4_0", fileType: 2,
      [Rule(.feedForwardDown, "q4_1", when: .importance(true), .firstLayers(oneIn: 8))]),
    NamedMix("q4_1", of: "q4_1", fileType: 3),
    NamedMix(
      "q5_0", of: "q5_0", fileType: 8,
      [Rule(.feedForwardDown, "q5_1", when: .importance(true), .firstLayers(oneIn: 8))]),
    NamedMix("q5_1", of: "q5_1", fileType: 9),
    NamedMix("q8_0", of: "q8_0", fileType: 7),

    NamedMix("q1_0", of: "q1_0", fileType: 40),
    NamedMix("q2_0", of: "q2_0", fileType: 41, [Rule(.tokenEmbedding, "q4_k")]),

    NamedMix(
      "q2_k", of: "q2_k", fileType: 10,
      [
        Rule(.attentionValue, "q4_k", when: .queriesPerKey(atLeast: 4)),
        Rule(.attentionValue, "q3_k"),
        Rule(.feedForwardDown, "q3_k"),
        outputOfEightExperts,
        Rule(.attentionOutput, "q3_k", when: .falcon(false)),
      ]),
    NamedMix(
      "q2_k_s", of: "q2_k", fileType: 21, needsImportance: true,
      [
        Rule(.attentionValue, "q4_k", when: .queriesPerKey(atLeast: 4)),
        Rule(.feedForwardDown, "q4_k", when: .firstLayers(oneIn: 8)),
      ]),
    NamedMix("q3_k_s", of: "q3_k", fileType: 11, [outputOfEightExperts]),
    NamedMix(
      "q3_k_m", aliases: ["q3_k"], of: "q3_k", fileType: 12,
      [
        Rule(.attentionValue, "q5_k", when: .first(2)),
        Rule(.attentionValue, "q4_k"),
        Rule(.feedForwardDown, "q5_k", when: .firstLayers(oneIn: 16)),
        Rule(.feedForwardDown, "q4_k", when: .falcon(false)),
        Rule(.feedForwardDown, "q4_k", when: .outerEighthsAndEveryThird),
        outputOfEightExperts,
        Rule(.attentionOutput, "q4_k", when: .falcon(false)),
      ]),
    NamedMix(
      "q3_k_l", of: "q3_k", fileType: 13,
      [
        Rule(.attentionValue, "q5_k"),
        Rule(.feedForwardDown, "q4_k", when: .falcon(true)),
        Rule(.feedForwardDown, "q5_k"),
        Rule(.attentionOutput, "q4_k", when: .falcon(true)),
        Rule(.attentionOutput, "q5_k", when: .eightExperts(false)),
      ]),
    NamedMix(
      "q4_k_s", of: "q4_k", fileType: 14,
      [
        Rule(.attentionValue, "q5_k", when: .first(4)),
        Rule(.feedForwardDown, "q5_k", when: .falcon(false), .firstLayers(oneIn: 8)),
        outputOfEightExperts,
      ]),
    NamedMix(
      "q4_k_m", aliases: ["q4_k"], of: "q4_k", fileType: 15,
      [
        Rule(.attentionValue, "q6_k", when: .outerEighthsAndEveryThird),
        Rule(.feedForwardDown, "q6_k", when: .falcon(true), .firstLayers(oneIn: 16)),
        Rule(.feedForwardDown, "q5_k", when: .falcon(true), .outerEighthsAndEveryThird),
        Rule(.feedForwardDown, "q6_k", when: .falcon(false), .outerEighthsAndEveryThird),
        outputOfEightExperts,
      ]),
    NamedMix("q5_k_s", of: "q5_k", fileType: 16),
    NamedMix(
      "q5_k_m", aliases: ["q5_k"], of: "q5_k", fileType: 17,
      [
        Rule(.attentionValue, "q6_k", when: .outerEighthsAndEveryThird),
        Rule(.feedForwardDown, "q6_k", when: .outerEighthsAndEveryThird),
      ]),
    NamedMix("q6_k", of: "q6_k", fileType: 18),

    NamedMix(
      "iq4_nl", of: "iq4_nl", fileType: 25,
      [
        Rule(.attentionValue, "q5_k", when: .queriesPerKey(atLeast: 4)),
        Rule(.feedForwardDown, "q5_k", when: .importance(false), .firstLayers(oneIn: 8)),
        outputOfEightExperts,
      ]),
    NamedMix(
      "iq4_xs", of: "iq4_xs", fileType: 30,
      [
        Rule(.attentionValue, "q5_k", when: .queriesPerKey(atLeast: 4)),
        Rule(.feedForwardDown, "q5_k", when: .importance(false), .firstLayers(oneIn: 8)),
        outputOfEightExperts,
      ]),

    NamedMix("tq1_0", of: "tq1_0", fileType: 36, [Rule(.tokenEmbedding, "q4_k")]),
    NamedMix("tq2_0", of: "tq2_0", fileType: 37, [Rule(.tokenEmbedding, "q4_k")]),

    NamedMix(
      "mxfp4_moe", of: "mxfp4", fileType: 38,
      [
        Rule(nil, "mxfp4", when: .experts(true)),
        Rule(nil, "q8_0"),
      ]),
  ]

  private static let outputOfEightExperts = Rule(.attentionOutput, "q5_k", when: .falcon(false), .eightExperts(true))
}
