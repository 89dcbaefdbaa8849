internal import Architectures
internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// Experts of gpt-oss as they are published: for a stack `P` of matrices, `P_blocks` in U8 of shape
/// `[experts, out, in / 32, 16]`, two values a byte with the earlier one in the low half, and `P_scales`, an exponent for
/// each block. The model has them as `[experts, in, out]`.
///
/// The blocks are those of OCP Microscaling Formats (MX) 1.0, as in ggml's `mxfp4`, which has the value `j` beside
/// `j + 16` in a byte: so the bytes change places and nothing is lost. Source: transformers `integrations/mxfp4.py`.
struct MXFP4Layout: WeightLayout {
  /// What the stacks are called.
  private static let stacks = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
  private static let blocksEnding = "_blocks"
  private static let scalesEnding = "_scales"

  var name: String { "mxfp4" }

  var parts: [(ending: String, whole: String)] {
    Self.stacks.map { ($0 + Self.scalesEnding, "tensor \(Self.blocksEnding)") }
  }

  func weights(in source: any TensorSource, config: JSONValue?) throws(FileError) -> [FoundWeight] {
    var result: [FoundWeight] = []
    for blocks in source.tensors where Self.isStack(blocks.name, Self.blocksEnding) && blocks.encoding == .u8 {
      let name = String(blocks.name.dropLast(Self.blocksEnding.count))
      let scalesName = name + Self.scalesEnding
      guard let scales = source.descriptor(of: scalesName) else {
        throw FileError(
          .missing, path: source.name, subject: scalesName, "is not there, though \(blocks.name) is: its exponents")
      }
      let bytes = MXFP4Planes.codeBytes
      guard blocks.shape.count == 4, blocks.shape.last == bytes else {
        throw FileError(
          .mismatch, path: source.name, subject: blocks.name,
          "has shape \(blocks.shape), but experts in MXFP4 are [experts, rows, blocks of a row, \(bytes)]")
      }
      guard scales.encoding == .u8, scales.shape == Array(blocks.shape.dropLast()) else {
        throw FileError(
          .mismatch, path: source.name, subject: scalesName,
          "has shape \(scales.shape) of \(scales.encoding.name), but \(blocks.name) needs "
            + "\(Array(blocks.shape.dropLast())) of u8, one exponent for each block")
      }
      if let method = config?["quantization_config"]?["quant_method"]?.string, method != self.name {
        throw FileError(
          .unsupported, path: source.name, subject: blocks.name,
          "is a weight in MXFP4, but config.json says quant_method \(FileError.quoted(method))")
      }
      result.append(
        FoundWeight(
          place: blocks.name, weight: MXFP4Weight(name, blocks: blocks, scales: scalesName, source: source),
          isTransposed: true))
    }
    return result
  }

  /// Only the experts of gpt-oss are spelled so, and only what is mxfp4 already.
  func form(keeping output: PlannedOutput, in destination: Destination) throws(FileError) -> WeightForm? {
    guard !destination.container.canHold(.mxfp4), output.rows.shape.count == 3,
      Self.isStack(output.name)
    else { return nil }
    let rows = try output.rows.applying(Transposition())
    guard rows.copiedEncoding == .mxfp4 else { return nil }
    let shape = rows.shape
    let blocks = Array(shape.dropLast()) + [rows.columns / MXFP4Planes.elements]
    func plane(_ ending: String, _ shape: [Int], _ number: Int) throws(FileError) -> PlannedPlane {
      PlannedPlane(
        descriptor: try TensorDescriptor(planned: output.name + ending, encoding: .u8, shape: shape, for: destination),
        content: .plane(number))
    }
    return WeightForm(
      action: .splitRows(MXFP4Planes()),
      planes: [
        try plane(Self.blocksEnding, blocks + [MXFP4Planes.codeBytes], 0), try plane(Self.scalesEnding, blocks, 1),
      ],
      typeName: name, rows: rows, spelling: Spelling(layout: self, type: nil))
  }

  private static func isStack(_ name: String, _ ending: String = "") -> Bool {
    stacks.contains { name.hasSuffix($0 + ending) }
  }

  func quantizationConfig(
    _ type: TargetType?, of tensors: [PlannedTensor], elementType: String?, own: [String: JSONValue]?
  ) -> [String: JSONValue] {
    if let own, own["quant_method"]?.string == name { return own }
    // What gpt-oss is published with.
    return [
      "quant_method": .string(name),
      "modules_to_not_convert": [
        "model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head",
      ],
    ]
  }
}
