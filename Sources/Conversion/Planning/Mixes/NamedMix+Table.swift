extension NamedMix {
  /// Every mix, one entry each: the type of most weights, the file type's number, and the exceptions.
  ///
  /// Not in the table, since it holds for all: `output.weight` (or the embedding where it is the output as well) is
  /// q6_k, in q8_0 files q8_0.
  public static let all: [NamedMix] = [
    NamedMix(
      "q4_0", of: "q4_0", fileType: 2,
      [Rule(role: .feedForwardDown, condition: .firstLayersWithImportance(oneIn: 8), type: "q4_1")]),
    NamedMix("q4_1", of: "q4_1", fileType: 3),
    NamedMix(
      "q5_0", of: "q5_0", fileType: 8,
      [Rule(role: .feedForwardDown, condition: .firstLayersWithImportance(oneIn: 8), type: "q5_1")]),
    NamedMix("q5_1", of: "q5_1", fileType: 9),
    NamedMix("q8_0", of: "q8_0", fileType: 7),

    NamedMix("q1_0", of: "q1_0", fileType: 40),
    NamedMix(
      "q2_0", of: "q2_0", fileType: 41,
      [Rule(role: .tokenEmbedding, condition: .always, type: "q4_k")]),

    NamedMix(
      "q2_k", of: "q2_k", fileType: 10,
      [
        Rule(role: .attentionValue, condition: .queriesPerKey(atLeast: 4), type: "q4_k"),
        Rule(role: .attentionValue, condition: .always, type: "q3_k"),
        Rule(role: .feedForwardDown, condition: .always, type: "q3_k"),
        Rule(role: .attentionOutput, condition: .always, type: "q3_k"),
      ]),
    NamedMix(
      "q2_k_s", of: "q2_k", fileType: 21, needsImportance: true,
      [
        Rule(role: .attentionValue, condition: .queriesPerKey(atLeast: 4), type: "q4_k"),
        Rule(role: .feedForwardDown, condition: .firstLayers(oneIn: 8), type: "q4_k"),
      ]),
    NamedMix("q3_k_s", of: "q3_k", fileType: 11),
    NamedMix(
      "q3_k_m", aliases: ["q3_k"], of: "q3_k", fileType: 12,
      [
        Rule(role: .attentionValue, condition: .first(2), type: "q5_k"),
        Rule(role: .attentionValue, condition: .always, type: "q4_k"),
        Rule(role: .feedForwardDown, condition: .firstLayers(oneIn: 16), type: "q5_k"),
        Rule(role: .feedForwardDown, condition: .always, type: "q4_k"),
        Rule(role: .attentionOutput, condition: .always, type: "q4_k"),
      ]),
    NamedMix(
      "q3_k_l", of: "q3_k", fileType: 13,
      [
        Rule(role: .attentionValue, condition: .always, type: "q5_k"),
        Rule(role: .feedForwardDown, condition: .always, type: "q5_k"),
        Rule(role: .attentionOutput, condition: .always, type: "q5_k"),
      ]),
    NamedMix(
      "q4_k_s", of: "q4_k", fileType: 14,
      [
        Rule(role: .attentionValue, condition: .first(4), type: "q5_k"),
        Rule(role: .feedForwardDown, condition: .firstLayers(oneIn: 8), type: "q5_k"),
      ]),
    NamedMix(
      "q4_k_m", aliases: ["q4_k"], of: "q4_k", fileType: 15,
      [
        Rule(role: .attentionValue, condition: .outerEighthsAndEveryThird, type: "q6_k"),
        Rule(role: .feedForwardDown, condition: .outerEighthsAndEveryThird, type: "q6_k"),
      ]),
    NamedMix("q5_k_s", of: "q5_k", fileType: 16),
    NamedMix(
      "q5_k_m", aliases: ["q5_k"], of: "q5_k", fileType: 17,
      [
        Rule(role: .attentionValue, condition: .outerEighthsAndEveryThird, type: "q6_k"),
        Rule(role: .feedForwardDown, condition: .outerEighthsAndEveryThird, type: "q6_k"),
      ]),
    NamedMix("q6_k", of: "q6_k", fileType: 18),

    NamedMix(
      "iq4_nl", of: "iq4_nl", fileType: 25,
      [
        Rule(role: .attentionValue, condition: .queriesPerKey(atLeast: 4), type: "q5_k"),
        Rule(role: .feedForwardDown, condition: .firstLayersWithoutImportance(oneIn: 8), type: "q5_k"),
      ]),
    NamedMix(
      "iq4_xs", of: "iq4_xs", fileType: 30,
      [
        Rule(role: .attentionValue, condition: .queriesPerKey(atLeast: 4), type: "q5_k"),
        Rule(role: .feedForwardDown, condition: .firstLayersWithoutImportance(oneIn: 8), type: "q5_k"),
      ]),

    NamedMix("tq1_0", of: "tq1_0", fileType: 36, [Rule(role: .tokenEmbedding, condition: .always, type: "q4_k")]),
    NamedMix("tq2_0", of: "tq2_0", fileType: 37, [Rule(role: .tokenEmbedding, condition: .always, type: "q4_k")]),

    // Matrices of experts are mxfp4; a dense model has none.
    NamedMix(
      "mxfp4_moe", of: "mxfp4", fileType: 38,
      TensorRole.allCases.map { Rule(role: $0, condition: .always, type: "q8_0") }),
  ]
}
