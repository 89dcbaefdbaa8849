internal import Architectures
internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// A blockwise weight as bitsandbytes spells it: the packed codes under the weight's own name, and beside them
/// `.absmax`, `.quant_map`, the nested tables of double quantization, and the state, whose name tells the code. int4 and
/// int8 follow the same scheme under a suffix of ours.
///
/// The state also names the type that the weight had. What is computed with is the code's value times absmax in F32, as
/// in bitsandbytes' own products; only its `dequantize_4bit` rounds to that type.
///
/// In a GGUF the same names hold I8 for U8, as ggml has no unsigned bytes.
struct BlockwiseLayout: WeightLayout {
  /// Types that bitsandbytes opens.
  static var publicTypeNames: [String] { BlockwiseCode.all.filter { $0.owner == "bitsandbytes" }.map(\.name) }

  private enum Part {
    static let absmax = ".absmax"
    static let quantMap = ".quant_map"
    static let nestedAbsmax = ".nested_absmax"
    static let nestedMap = ".nested_quant_map"
  }

  // MARK: - Reading

  var name: String { "bitsandbytes" }
  var methods: [String] { Set(BlockwiseCode.all.map(\.owner)).sorted() }

  /// Source: transformers `BitsAndBytesConfig`.
  var settings: Set<String>? { Self.known }
  static let known: Set<String> = [
    "quant_method", "load_in_4bit", "load_in_8bit", "_load_in_4bit", "_load_in_8bit", "bnb_4bit_compute_dtype",
    "bnb_4bit_quant_storage", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant", "llm_int8_enable_fp32_cpu_offload",
    "llm_int8_has_fp16_weight", "llm_int8_skip_modules", "llm_int8_threshold", "modules_to_not_convert",
    // Of the spelling of ours.
    "quant_type", "block_size", "double_quant", "format",
  ]

  var parts: [(ending: String, whole: String)] {
    [Part.absmax, Part.quantMap, Part.nestedAbsmax, Part.nestedMap].map { ($0, "quantization state") }
  }

  func weights(in source: any TensorSource, config: JSONValue?) throws(FileError) -> [FoundWeight] {
    var result: [FoundWeight] = []
    var seen: Set<String> = []
    for descriptor in source.tensors {
      guard let (name, code) = QuantState.recognize(descriptor.name) else { continue }
      guard seen.insert(name).inserted else {
        throw LayoutRule.state.broken(
          .malformed, path: source.name, subject: name, "has more than one quantization state")
      }
      let weight = try Self.weight(name, code, stateName: descriptor.name, in: source)
      result.append(FoundWeight(place: name, weight: weight))
    }
    return result
  }

  private static func weight(
    _ name: String, _ code: BlockwiseCode, stateName: String, in source: any TensorSource
  ) throws(FileError) -> BlockwiseWeight {
    func part(_ ending: String) throws(FileError) -> TensorDescriptor {
      guard let descriptor = source.descriptor(of: name + ending) else {
        throw LayoutRule.stateParts.broken(
          .missing, path: source.name, subject: name + ending, "is not there, though \(stateName) announces it")
      }
      return descriptor
    }
    let state: QuantState
    guard let descriptor = source.descriptor(of: stateName), descriptor.byteCount <= 1 << 16 else {
      throw LayoutRule.stateParts.broken(.malformed, path: source.name, subject: stateName, "is longer than 64 KiB")
    }
    let document = try source.bytes(of: stateName)
    do throws(QuantStateError) {
      state = try QuantState(parsing: document, code: code)
    } catch {
      throw LayoutRule.stateParts.broken(.malformed, path: source.name, subject: stateName, error.description)
    }
    let codes = try part("")
    let absmax = try part(Part.absmax)
    let map = try part(Part.quantMap)
    var stored = [name, absmax.name, map.name, stateName]
    var nested: (absmax: TensorDescriptor, map: TensorDescriptor, offset: Float)?
    if let offset = state.nestedOffset {
      let parts = (absmax: try part(Part.nestedAbsmax), map: try part(Part.nestedMap), offset: offset)
      stored += [parts.absmax.name, parts.map.name]
      nested = parts
    }
    do throws(QuantStateError) {
      try state.check(
        codeBytes: codes.byteCount, absmaxCount: absmax.elementCount,
        nestedAbsmaxCount: nested?.absmax.elementCount)
    } catch {
      throw LayoutRule.stateParts.broken(.mismatch, path: source.name, subject: name, error.description)
    }
    guard state.blockCount > 0 else {
      throw LayoutRule.parts.broken(
        .mismatch, path: source.name, subject: name, "has shape \(state.shape), but an empty weight has no codes")
    }
    // A stored width other than the expected one would be read past its end. GGUF has no unsigned bytes.
    guard state.nestedOffset == nil ? absmax.encoding == .f32 : absmax.encoding == .u8 || absmax.encoding == .i8 else {
      throw LayoutRule.stateParts.broken(
        .mismatch, path: source.name, subject: absmax.name,
        "has element type \(absmax.encoding.name), but \(state.nestedOffset == nil ? "f32" : "u8") is expected")
    }
    guard try floats(map, count: code.values.count, in: source) == code.values else {
      throw FileError(
        .unsupported, path: source.name, subject: map.name, "holds other values than those of \(code.name)")
    }
    // Only now is it known that there are no more of them than the weight needs.
    var scales = BlockwiseWeight.Scales.plain(absmax.name)
    if let nested {
      scales = .doubleQuantized(
        DoubleQuantizedScales(
          codes: absmax.name, nestedAbsmax: try floats(nested.absmax, in: source),
          map: try floats(nested.map, count: 256, in: source), offset: nested.offset))
    }
    return BlockwiseWeight(
      name: name, shape: state.shape, codec: BlockwiseCodec(code, blockSize: state.blockSize), scales: scales,
      storedNames: stored,
      originalEncoding: ["float32": Encoding.f32, "float16": .f16, "bfloat16": .bf16][state.elementType],
      source: source)
  }

  /// A small table of F32, all finite.
  private static func floats(_ descriptor: TensorDescriptor, count: Int? = nil, in source: any TensorSource)
    throws(FileError) -> [Float]
  {
    guard descriptor.encoding == .f32, count == nil || descriptor.elementCount == count else {
      throw LayoutRule.tables.broken(
        .mismatch, path: source.name, subject: descriptor.name,
        "has \(descriptor.elementCount) values of \(descriptor.encoding.name), "
          + "but \(count.map(String.init) ?? "some") of f32 are expected")
    }
    let values = try PlainTensor(descriptor, in: source).values()
    guard values.allSatisfy(\.isFinite) else {
      throw LayoutRule.tables.broken(
        .malformed, path: source.name, subject: descriptor.name, "holds values that are not finite")
    }
    return values
  }

  // MARK: - Planning

  func writes(_ type: TargetType) -> Bool { type.codec is BlockwiseCodec }

  func form(
    of output: PlannedOutput, as type: TargetType, in destination: Destination
  ) throws(FileError) -> WeightForm? {
    guard let codec = type.codec as? BlockwiseCodec else { return nil }
    let rows = output.isStoredTransposed ? try output.rows.applying(Transposition()) : output.rows
    let (name, shape) = (output.name, rows.shape)
    let element = destination.container.elementCodec(
      for: output.source, asMatrix: true, inWideRange: output.needsWideRange
    ).name
    let state: QuantState
    do throws(QuantStateError) {
      state = try QuantState(
        code: codec.code, blockSize: codec.blockSize, elementType: Self.elementType(of: element), shape: shape,
        nestedOffset: type.isDoubleQuantized ? 0 : nil)
    } catch {
      throw FileError(.unsupported, path: destination.path, subject: name, error.description)
    }
    return WeightForm(
      action: .encode(
        type.isDoubleQuantized
          ? DoubleQuantizingEncoder(type: type, codec: codec, state: state, path: destination.path)
          : PlainEncoder(codec, type: type)),
      planes: try Self.planes(name: name, codec, state, type, destination),
      typeName: type.name + (type.isDoubleQuantized ? "+dq" : ""), rows: rows,
      spelling: Spelling(layout: self, type: type))
  }

  /// The stored tensors of a weight.
  private static func planes(
    name: String, _ codec: BlockwiseCodec, _ state: QuantState, _ type: TargetType, _ destination: Destination
  ) throws(FileError) -> [PlannedPlane] {
    let byte = destination.container.byte
    func plane(_ ending: String, _ encoding: Encoding, _ shape: [Int], _ content: PlannedPlane.Content)
      throws(FileError) -> PlannedPlane
    {
      PlannedPlane(
        descriptor: try TensorDescriptor(planned: name + ending, encoding: encoding, shape: shape, for: destination),
        content: content)
    }
    // A column, as torch has it; GGUF has no use for a dimension of one.
    let codeShape = byte == .u8 ? [state.codeByteCount, 1] : [state.codeByteCount]
    var planes = [
      try plane("", byte, codeShape, .plane(0)),
      try plane(
        Part.quantMap, .f32, [codec.code.values.count],
        .constant(tables[codec.code.name] ?? codec.code.values.littleEndianBytes)),
    ]
    let stateContent: PlannedPlane.Content
    typealias Tail = DoubleQuantizingEncoder.Tail
    if type.isDoubleQuantized {
      planes.append(try plane(Part.absmax, byte, [state.blockCount], .tail(Tail.scaleCodes)))
      planes.append(
        try plane(
          Part.nestedAbsmax, .f32, [DoubleQuantization.nestedCount(of: state.blockCount)],
          .tail(Tail.nestedScales)))
      planes.append(
        try plane(Part.nestedMap, .f32, [256], .constant(nestedTable)))
      stateContent = .tail(Tail.state)
    } else {
      planes.append(try plane(Part.absmax, .f32, [state.blockCount], .plane(1)))
      stateContent = .constant(state.serialized())
    }
    planes.append(try plane("." + state.key, byte, [state.byteCount], stateContent))
    return planes
  }

  /// The tables of code values, one for all weights of a plan.
  private static let tables = Dictionary(
    BlockwiseCode.all.map { ($0.name, $0.values.littleEndianBytes) }, uniquingKeysWith: { first, _ in first })
  private static let nestedTable = DoubleQuantization.map.littleEndianBytes

  /// The type that a loader decodes to: what the weight was, else bfloat16.
  private static func elementType(of original: String?) -> String {
    switch original {
    case "f32", "f64": "float32"
    case "f16": "float16"
    default: "bfloat16"
    }
  }

  func quantizationConfig(
    _ type: TargetType?, of tensors: [PlannedTensor], elementType: String?, own: [String: JSONValue]?
  ) -> [String: JSONValue] {
    guard let type, let codec = type.codec as? BlockwiseCodec else { return [:] }
    guard codec.code.owner == name else {
      return [
        "quant_method": .string(codec.code.owner), "quant_type": .string(codec.code.name),
        "block_size": .integer(codec.blockSize), "double_quant": .bool(type.isDoubleQuantized),
      ]
    }
    let matrices = tensors.filter { $0.shape.count == 2 }
    let elementType = elementType ?? Self.elementType(of: matrices.first { !$0.isElements }?.originalType)
    var document: [String: JSONValue] = [
      "quant_method": "bitsandbytes", "_load_in_4bit": true, "_load_in_8bit": false, "load_in_4bit": true,
      "load_in_8bit": false, "bnb_4bit_compute_dtype": .string(elementType), "bnb_4bit_quant_storage": "uint8",
      "bnb_4bit_quant_type": .string(codec.code.name), "bnb_4bit_use_double_quant": .bool(type.isDoubleQuantized),
      "llm_int8_enable_fp32_cpu_offload": false, "llm_int8_has_fp16_weight": false,
      "llm_int8_skip_modules": Self.skippedModules(tensors), "llm_int8_threshold": 6.0,
    ]
    // What it was computed with, and how codes are stored that are copied, is still so.
    let written = tensors.filter { $0.spelling?.type != nil }
    if own?["quant_method"] == document["quant_method"], written.allSatisfy(\.isCopiedWhole) {
      for kept in ["bnb_4bit_compute_dtype", "bnb_4bit_quant_storage"] { document[kept] = own?[kept] ?? document[kept] }
    }
    return document
  }

  /// The linear modules that stay as they are; of experts the module that holds them all.
  static func skippedModules(_ tensors: [PlannedTensor]) -> JSONValue {
    let names = FullPrecisionModules.names(in: tensors).map { name in
      name.firstRange(of: ".experts.").map { name[..<$0.lowerBound] + ".experts" } ?? name
    }
    return FullPrecisionModules.list(of: Set(names).sorted())
  }

  // MARK: - What is said of it

  func reader(of type: TargetType?) -> String {
    (type?.codec as? BlockwiseCodec)?.code.owner == name ? name : "Decant"
  }

  func notes(on tensors: [PlannedTensor]) -> [Note] {
    guard let type = tensors.first?.spelling?.type else { return [] }
    guard reader(of: type) == name else {
      let other = type.name == "int8" ? " (it is not bitsandbytes' LLM.int8)" : ""
      return [
        Note(
          "stored as \(type.name), which only Decant reads\(other); transformers opens folders of nf4 and fp4",
          of: tensors.map(\.name))
      ]
    }
    let embeddings = tensors.filter { TensorRole.isEmbedding($0.name) }
    guard !embeddings.isEmpty else { return [] }
    return [
      Note(
        "bitsandbytes knows no embedding of 4 bits, so that transformers will not open this folder",
        of: embeddings.map(\.name), remedy: .chooseType)
    ]
  }

  func metadata(of type: TargetType?) -> [(key: String, value: MetadataValue)] {
    guard let type, let codec = type.codec as? BlockwiseCodec else { return [] }
    typealias Key = GGUFDescription.Key
    return [
      (Key.blockwiseType, .string(codec.code.name)), (Key.blockSize, .uint32(UInt32(codec.blockSize))),
      (Key.doubleQuantized, .bool(type.isDoubleQuantized)),
    ]
  }
}

extension [Float] {
  /// The values as files hold them.
  var littleEndianBytes: [UInt8] {
    var writer = ByteWriter()
    for value in self { writer.write(value) }
    return writer.bytes
  }
}
