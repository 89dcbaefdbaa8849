internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// bitsandbytes' LLM.int8: `P.weight` in I8 with a row absmax `P.SCB`. Read only.
struct LLMInt8Layout: WeightLayout {
  func weights(in source: any TensorSource) throws(FileError) -> [LaidOutWeight] {
    var result: [LaidOutWeight] = []
    for scales in source.tensors where scales.name.hasSuffix(".SCB") {
      let module = String(scales.name.dropLast(".SCB".count))
      let name = module + ".weight"
      guard let codes = source.descriptor(of: name), codes.encoding == .i8, codes.shape.count == 2 else { continue }
      guard scales.encoding == .f32, scales.elementCount == codes.shape[0] else {
        throw FileError(
          .mismatch, path: source.name, subject: scales.name,
          "should hold one f32 for each of the \(codes.shape[0]) rows of \(name)")
      }
      var companions = [scales.name]
      let formatName = module + ".weight_format"
      if let format = source.descriptor(of: formatName) {
        guard format.byteCount == 1, try source.bytes(of: formatName) == [0] else {
          throw FileError(
            .unsupported, path: source.name, subject: formatName,
            "the rows are stored in an order for one kind of GPU; only format 0, plain rows, is read")
        }
        companions.append(formatName)
      }
      let stored = [name] + companions
      result.append(
        LaidOutWeight(
          name: name,
          weight: EncodedTensor(
            name: name, shape: codes.shape, codec: RowInt8Codec(columns: codes.shape[1]), companions: companions,
            originalEncoding: .f16,
            byteCount: stored.reduce(0) { $0 + (source.descriptor(of: $1)?.byteCount ?? 0) }, source: source),
          stored: stored))
    }
    return result
  }
}

extension LLMInt8Layout {
  /// `quantization_config` of config.json, as transformers writes it.
  static func quantizationConfig(tensors: [PlannedTensor]) -> [String: JSONValue] {
    [
      "quant_method": "bitsandbytes", "_load_in_4bit": false, "_load_in_8bit": true, "load_in_4bit": false,
      "load_in_8bit": true, "llm_int8_enable_fp32_cpu_offload": false, "llm_int8_has_fp16_weight": false,
      "llm_int8_skip_modules": BlockwiseLayout.skippedModules(tensors), "llm_int8_threshold": 6.0,
    ]
  }
}

/// Rows of signed bytes with one scale each: `value = code * absmax / 127`. Source: bitsandbytes' `Linear8bitLt`.
struct RowInt8Codec: Codec {
  let columns: Int

  static let name = "llm_int8"

  var name: String { Self.name }
  var elementsPerBlock: Int { max(columns, 1) }
  var blocksCrossRows: Bool { true }
  var planeCount: Int { 2 }

  func byteCount(plane: Int, elements: Int) -> Int {
    plane == 0 ? elements : elements.dividedRoundingUp(by: elementsPerBlock) * 4
  }

  /// Never planned: the layout is read only.
  func encode(_ values: Span<Float>, into bytes: inout MutableRawSpan) throws(CodecError) {
    preconditionFailure("LLM.int8 is not written")
  }

  func decode(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    for index in values.indices {
      let scale = unsafe bytes.unsafeLoadUnaligned(
        fromByteOffset: values.count + index / elementsPerBlock * 4, as: Float.self)
      values[index] = Float(unsafe bytes.unsafeLoad(fromByteOffset: index, as: Int8.self)) * scale / 127
    }
  }
}
