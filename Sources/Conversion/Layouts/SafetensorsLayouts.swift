package import Bytes
internal import Quantization
package import Tensors

/// How weights are spelled in safetensors files, one line each. A layout takes the stored tensors it knows; what no
/// layout takes is a tensor of its own.
package enum SafetensorsLayouts {
  static let all: [any WeightLayout] = [BlockwiseLayout(), LLMInt8Layout()]

  /// The weights of a safetensors file or folder.
  /// - Throws: `FileError` when the parts of a quantized weight do not fit each other, or belong to a format that is not
  ///   read.
  package static func tensors(of source: any TensorSource) throws(FileError) -> [EncodedTensor] {
    var taken: Set<String> = []
    var result: [String: EncodedTensor] = [:]
    for layout in all {
      for tensor in try layout.weights(in: source) {
        result[tensor.name] = tensor.weight
        taken.formUnion(tensor.stored)
      }
    }
    try refuseForeign(source, taken: taken)
    var ordered: [EncodedTensor] = []
    ordered.reserveCapacity(source.tensors.count - taken.count + result.count)
    for descriptor in source.tensors {
      if let weight = result[descriptor.name] {
        ordered.append(weight)
      } else if !taken.contains(descriptor.name) {
        ordered.append(EncodedTensor(plain: descriptor, in: source))
      }
    }
    return ordered
  }

  /// Names that show a format that is not read here, and what it is.
  private static let foreign: [(ending: String, format: String)] = [
    (".qweight", "GPTQ or AWQ"), (".qzeros", "GPTQ or AWQ"), (".weight_packed", "compressed-tensors"),
    (".weight_scale", "compressed-tensors or FP8 with scales"), (".weight_scale_inv", "FP8 with block scales"),
    (".scales", "MLX"), ("_blocks", "MXFP4"), (".trellis", "EXL3"),
  ]

  /// Parts of weights in layouts that are read, which would belong to one if the rest of it were there.
  private static let parts: [(ending: String, whole: String)] = [
    (".absmax", "quantization state"), (".quant_map", "quantization state"),
    (".nested_absmax", "quantization state"), (".nested_quant_map", "quantization state"),
    (".SCB", "weight of type i8"),
  ]

  private static func refuseForeign(_ source: any TensorSource, taken: Set<String>) throws(FileError) {
    if let state = source.tensors.first(where: { QuantState.isNamed($0.name) && !taken.contains($0.name) }) {
      throw FileError(
        .unsupported, path: source.name, subject: state.name,
        "is the state of a code that is not known; these are: "
          + BlockwiseCode.all.map { "\($0.owner)__\($0.name)" }.joined(separator: ", "))
    }
    for descriptor in source.tensors where !taken.contains(descriptor.name) {
      if let part = parts.first(where: { descriptor.name.hasSuffix($0.ending) }) {
        throw FileError(
          .missing, path: source.name, subject: descriptor.name,
          "is a part of a bitsandbytes weight, but there is no \(part.whole) that it belongs to")
      }
      guard let known = foreign.first(where: { descriptor.name.hasSuffix($0.ending) }) else { continue }
      throw FileError(
        .unsupported, path: source.name, subject: descriptor.name,
        "belongs to \(known.format) quantization, which is not read yet; convert from the unquantized model")
    }
  }
}

/// One way to spell a quantized weight as several stored tensors.
protocol WeightLayout: Sendable {
  /// The weights of this layout, each with the stored tensors it takes.
  func weights(in source: any TensorSource) throws(FileError) -> [LaidOutWeight]
}

struct LaidOutWeight {
  /// The stored tensor at whose place the weight is listed; also its name.
  let name: String
  let weight: EncodedTensor
  let stored: [String]
}

extension EncodedTensor {
  /// A tensor that is stored as one: an element type or blocks along its rows.
  init(plain descriptor: TensorDescriptor, original: Encoding? = nil, in source: any TensorSource) {
    self.init(
      name: descriptor.name, shape: descriptor.shape,
      codec: Catalog.codec(for: descriptor.encoding) ?? OpaqueCodec(encoding: descriptor.encoding),
      originalEncoding: original ?? descriptor.encoding, byteCount: descriptor.byteCount, source: source)
  }
}
