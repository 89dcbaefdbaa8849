internal import Bytes

/// A way to quantize that is not read, and is refused by its name.
struct UnreadScheme {
  let name: String
  /// What opens such weights.
  let library: String
  /// Its `quant_method`s, or what `checkpoint_format` calls it beside another method, in small letters.
  let methods: [String]
  /// Endings of stored names that show it without any.
  var endings: [String] = []

  static let all: [UnreadScheme] = [
    UnreadScheme(name: "AQLM", library: "aqlm", methods: ["aqlm"], endings: [".codebooks", ".codes"]),
    UnreadScheme(name: "BitBLAS", library: "gptqmodel", methods: ["bitblas"]),
    UnreadScheme(name: "BitNet", library: "transformers", methods: ["bitnet"]),
    UnreadScheme(name: "EETQ", library: "eetq", methods: ["eetq"], endings: [".weight_scales"]),
    UnreadScheme(
      name: "EXL2", library: "exllamav2", methods: ["exl2"],
      endings: [".q_weight", ".q_scale", ".q_scale_max", ".q_groups", ".q_invperm", ".q_perm"]),
    UnreadScheme(name: "EXL3", library: "exllamav3", methods: ["exl3"], endings: [".trellis", ".suh", ".svh"]),
    UnreadScheme(name: "FourOverSix", library: "fouroversix", methods: ["fouroversix"]),
    UnreadScheme(
      name: "FP-Quant", library: "fp_quant", methods: ["fp_quant"],
      endings: [".dqweight", ".forward_hadamard_matrix", ".backward_hadamard_matrix"]),
    UnreadScheme(name: "GGUF inside of transformers", library: "transformers", methods: ["gguf"]),
    UnreadScheme(name: "GPTQ-P", library: "gptqmodel", methods: ["gptq_p"]),
    UnreadScheme(name: "HIGGS", library: "flute", methods: ["higgs"], endings: [".tables", ".tables2"]),
    UnreadScheme(name: "Marlin", library: "vLLM", methods: ["marlin"]),
    UnreadScheme(name: "MXFP8 of mlx-lm", library: "mlx-lm", methods: ["mxfp8"]),
    UnreadScheme(name: "ParoQuant", library: "gptqmodel", methods: ["paroquant"]),
    UnreadScheme(name: "QQQ", library: "gptqmodel", methods: ["qqq"], endings: [".s_channel", ".s_group"]),
    UnreadScheme(name: "Quark", library: "quark", methods: ["quark"]),
    UnreadScheme(
      name: "QuIP#", library: "quip-sharp", methods: ["quip", "quip#", "quip_sharp"],
      endings: [".Qidxs", ".codebook_id", ".SU", ".SV"]),
    UnreadScheme(name: "SINQ", library: "sinq", methods: ["sinq"]),
    UnreadScheme(
      name: "SpQR", library: "spqr_quant", methods: ["spqr"], endings: [".dense_weights", ".row_offsets", ".col_vals"]),
    UnreadScheme(
      name: "VPTQ", library: "vptq", methods: ["vptq"],
      endings: [".centroids.weight", ".res_centroids.weight", ".outlier_centroids.weight", ".indices"]),
  ]

  /// The schemes with the endings of names that show them, under what follows the last point: there may be very many names.
  private static let ofLastPart: [Substring: [(scheme: UnreadScheme, ending: String)]] = Dictionary(
    grouping: all.flatMap { scheme in scheme.endings.map { (scheme, $0) } }, by: { lastPart(of: $0.1) })

  private static func lastPart(of name: String) -> Substring {
    name.utf8.lastIndex(of: UInt8(ascii: ".")).map { name[$0...] } ?? name[...]
  }

  /// - Throws: `FileError` where one of some names shows such weights.
  static func refuse(_ names: some Sequence<String>, path: String) throws(FileError) {
    for name in names {
      guard let found = ofLastPart[lastPart(of: name)]?.first(where: { name.hasSuffix($0.ending) }) else { continue }
      throw found.scheme.refusal(path: path, subject: name, "is a part of a weight in")
    }
  }

  /// - Parameter found: how the sentence begins.
  func refusal(path: String, subject: String, _ found: String) -> FileError {
    FileError(
      .unsupported, path: path, subject: subject,
      "\(found) \(name), a way to quantize that is not read; \(library) opens it; convert from the unquantized model")
  }
}
