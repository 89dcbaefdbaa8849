internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// Weights of HQQ, as transformers and hqq itself save them: `P.W_q` with the codes of a matrix that has a group in every row
/// (axis 1) or column (axis 0), runs of rows over one another in a byte, or for 3 bits in a word; `P.scale` and `P.zero`;
/// and what the layer was made with, a small tensor each: `P.shape`, `P.nbits`, `P.group_size` ... A text is its characters in
/// U8. `value = scale * (code - zero)`.
///
/// Source: hqq `core/quantize.py`, `core/bitpack.py`; transformers `integrations/hqq.py`.
struct HQQLayout: WeightLayout {
  private static let codesEnding = ".W_q"
  /// What a weight cannot be read without.
  private static let needed = [
    ".scale", ".zero", ".shape", ".nbits", ".group_size", ".axis", ".packing", ".quant_scale", ".quant_zero",
  ]
  /// What may be there beside.
  private static let others = [
    ".view_as_float", ".unpack_view_dtype", ".compute_dtype", ".channel_wise", ".optimize", ".round_zero",
    ".offload_meta", ".encoded_state_dict", ".stores_quant_config",
  ]
  /// Scales and zeros that are quantized themselves, or in one tensor.
  private static let quantizedNumbers = [".scale_q", ".zero_q", ".zero_scale", ".meta_scale", ".meta_zero"]

  var name: String { "hqq" }

  var parts: [(ending: String, whole: String)] {
    [".nbits", ".packing", ".quant_scale", ".quant_zero"].map { ($0, "tensor \(Self.codesEnding)") }
  }

  /// A way to pack codes.
  private struct Packing {
    let word: StackedCodes.Word
    /// The widths of codes that are packed so.
    let widths: [Double]
    /// What a word is, as torch calls it.
    let type: String

    static let all: [String: Packing] = [
      "8bit_u8": Packing(word: .init(bits: 8, codes: 1, isHighFirst: true), widths: [8, 6, 5], type: "torch.uint8"),
      "4bit_u8": Packing(word: .init(bits: 4, codes: 2, isHighFirst: true), widths: [4], type: "torch.uint8"),
      "3bit_32": Packing(
        word: .init(bits: 3, codes: 10, byteCount: 4, isHighFirst: true), widths: [3], type: "torch.int32"),
      "2bit_u8": Packing(word: .init(bits: 2, codes: 4, isHighFirst: true), widths: [2, 1.58], type: "torch.uint8"),
      "1bit_u8": Packing(word: .init(bits: 1, codes: 8, isHighFirst: true), widths: [1], type: "torch.uint8"),
    ]
  }

  /// What the small tensors of a layer say.
  private struct Setting {
    let shape: [Int]
    let width: Double
    let group: Int
    let axis: Int
    let packing: Packing

    /// Rows and columns of the matrix that has a group in every row or column.
    var grid: (rows: Int, columns: Int) {
      let groups = shape.reduce(1, *) / group
      return axis == 1 ? (groups, group) : (group, groups)
    }
  }

  func weights(in source: any TensorSource, config: JSONValue?) throws(FileError) -> [FoundWeight] {
    let section = QuantizationSection(config, path: source.name)
    let settings = section?.method == name ? try section.map(LayerSettings.init) : nil
    var result: [FoundWeight] = []
    var tags: Set<String> = []
    for codes in source.tensors where codes.name.hasSuffix(Self.codesEnding) {
      let parts = LayoutParts(
        module: String(codes.name.dropLast(Self.codesEnding.count)), layout: "HQQ", source: source)
      if let section, settings == nil {
        throw FileError(
          .unsupported, path: source.name, subject: codes.name,
          "is a weight of HQQ, but config.json says \(section.says)")
      }
      let setting = try Self.setting(of: parts)
      try settings?.check(parts.module, width: setting.width, group: setting.group, axis: setting.axis)
      tags.insert(LayerSettings.tag(of: parts.module))
      result.append(FoundWeight(place: codes.name, weight: try weight(parts, codes, setting, config: config)))
    }
    try settings?.checkPlain(source, quantized: tags)
    return result
  }

  // MARK: - A layer

  private static func setting(of parts: LayoutParts) throws(FileError) -> Setting {
    if let quantized = quantizedNumbers.lazy.compactMap({ parts.part($0) }).first {
      throw FileError(
        .unsupported, path: parts.source.name, subject: quantized.name,
        "holds scales or zeros in another form than floats, which is not read; hqq opens it")
    }
    for ending in [".quant_scale", ".quant_zero"] where try number(ending, parts) != 0 {
      throw FileError(
        .unsupported, path: parts.source.name, subject: parts.module + ending,
        "says that scales or zeros are quantized themselves, which is not read; hqq opens it")
    }
    let name = try text(".packing", parts)
    guard let packing = Packing.all[name] else {
      throw FileError(
        .unsupported, path: parts.source.name, subject: parts.module + ".packing",
        "is \(FileError.quoted(name)); these are read: \(Packing.all.keys.sorted().joined(separator: ", "))")
    }
    let width = try number(".nbits", parts)
    // 1.58 is stored as F32.
    guard packing.widths.contains(where: { abs($0 - width) < 1e-6 }) else {
      throw FileError(
        .mismatch, path: parts.source.name, subject: parts.module + ".nbits",
        "is \(width), but the codes are packed as \(name)")
    }
    if parts.part(".unpack_view_dtype") != nil, try text(".unpack_view_dtype", parts) != packing.type {
      throw FileError(
        .unsupported, path: parts.source.name, subject: parts.module + ".unpack_view_dtype",
        "is another type than \(packing.type), which \(name) is packed in")
    }
    let shape = try numbers(".shape", parts).compactMap(Int.init(exactly:))
    guard shape.count == 2, shape.allSatisfy({ $0 > 0 }), !shape[0].multipliedReportingOverflow(by: shape[1]).overflow
    else {
      throw FileError(
        .malformed, path: parts.source.name, subject: parts.module + ".shape",
        "is \(shape), which is no shape of a matrix")
    }
    let group = Int(exactly: try number(".group_size", parts)) ?? 0
    guard group > 0, shape[0] * shape[1] % group == 0 else {
      throw FileError(
        .malformed, path: parts.source.name, subject: parts.module + ".group_size",
        "is \(group), into which \(shape[0]) x \(shape[1]) elements cannot be divided")
    }
    let axis = try number(".axis", parts)
    guard axis == 0 || axis == 1 else {
      throw FileError(.malformed, path: parts.source.name, subject: parts.module + ".axis", "is \(axis), not 0 or 1")
    }
    return Setting(shape: shape, width: width, group: group, axis: Int(axis), packing: packing)
  }

  private func weight(
    _ parts: LayoutParts, _ codes: TensorDescriptor, _ setting: Setting, config: JSONValue?
  ) throws(FileError) -> GroupedWeight {
    let (rows, columns) = setting.grid
    let word = setting.packing.word
    let storedRows = rows.dividedRoundingUp(by: word.codes)
    // The same bytes may be stored as floats, for programs that move only these.
    let isViewed = parts.part(".view_as_float") != nil ? try Self.number(".view_as_float", parts) != 0 : false
    let encodings: [Encoding] = isViewed ? scaleEncodings : [word.byteCount == 1 ? .u8 : .i32]
    guard encodings.contains(codes.encoding), codes.shape.count == 2, codes.shape[0] == storedRows,
      (codes.shape[1] * codes.encoding.bytesPerBlock).quotientAndRemainder(dividingBy: word.byteCount) == (columns, 0)
    else {
      throw parts.mismatch(
        codes, "\(storedRows) rows of \(columns) words of \(encodings.map(\.name).joined(separator: " or "))")
    }
    let scales = try parts.require(".scale", for: codes.name)
    let zeros = try parts.require(".zero", for: codes.name)
    let numbers = try [scales, zeros].map { part throws(FileError) -> StoredNumbers in
      try parts.check(part, scaleEncodings, setting.axis == 1 ? [rows, 1] : [1, columns])
      guard let format = NumberFormat(part.encoding) else { throw parts.mismatch(part, "floats") }
      return setting.axis == 1
        ? StoredNumbers(name: part.name, format: format, rows: rows, groups: 1)
        : StoredNumbers(name: part.name, format: format, rows: rows, groups: columns, rowsPerNumber: rows)
    }
    return GroupedWeight(
      name: parts.weightName, shape: setting.shape, layout: self, typeName: "int\(word.bits)",
      storedNames: [codes.name] + (Self.needed + Self.others).compactMap { parts.part($0)?.name },
      originalEncoding: ModelElementType.of(config) ?? scales.encoding,
      codes: StackedCodes(name: codes.name, word: word, storedRows: storedRows, columns: columns),
      groups: GroupedWeight.Groups(
        levels: .integers(bits: word.bits), columns: setting.axis == 1 ? columns : 1, scales: numbers[0], offset: .zero,
        offsets: numbers[1]),
      width: columns, source: parts.source)
  }

  // MARK: - Small tensors

  private static func numbers(_ ending: String, _ parts: LayoutParts) throws(FileError) -> [Double] {
    let part = try parts.require(ending, for: parts.module + codesEnding)
    let width = part.encoding.bytesPerBlock
    guard part.elementCount <= 64, [.u8, .i32, .i64, .f32].contains(part.encoding) else {
      throw parts.mismatch(part, "a few numbers of u8, i32, i64 or f32")
    }
    let bytes = try parts.source.bytes(of: part.name)
    return stride(from: 0, to: bytes.count, by: width).map { start in
      let bytes = bytes[start..<start + width]
      return switch part.encoding {
      case .u8: Double(bytes.first ?? 0)
      case .i32: Double(Int32(littleEndian: bytes))
      case .f32: Double(Float(bitPattern: UInt32(littleEndian: bytes)))
      default: Double(Int64(truncatingIfNeeded: UInt64(littleEndian: bytes)))
      }
    }
  }

  private static func number(_ ending: String, _ parts: LayoutParts) throws(FileError) -> Double {
    let numbers = try numbers(ending, parts)
    guard numbers.count == 1, let number = numbers.first else {
      throw FileError(
        .malformed, path: parts.source.name, subject: parts.module + ending, "holds \(numbers.count) numbers, not one")
    }
    return number
  }

  private static func text(_ ending: String, _ parts: LayoutParts) throws(FileError) -> String {
    String(decoding: try numbers(ending, parts).map { UInt8(exactly: $0) ?? 0 }, as: UTF8.self)
  }

  // MARK: - An output

  /// What the source says, with the layers that are quantized no more among those that are left as they are. hqq itself saves
  /// no section.
  func quantizationConfig(
    _ type: TargetType?, of tensors: [PlannedTensor], elementType: String?, own: [String: JSONValue]?
  ) -> [String: JSONValue] {
    guard var own else { return [:] }
    let skipped = own["skip_modules"]?.array ?? []
    let plain = Set(tensors.filter(\.losesQuantization).map { LayerSettings.tag(of: $0.module) })
    own["skip_modules"] = .array(skipped + plain.sorted().map(JSONValue.string).filter { !skipped.contains($0) })
    return own
  }

  func reader(of type: TargetType?) -> String { "HQQ" }
}

// MARK: - The section

extension HQQLayout {
  /// What config.json says of the layers: the same for all, or for each kind of layer by its tag.
  private struct LayerSettings {
    private let section: QuantizationSection
    private let settings: [String: JSONValue]
    private let skipped: Set<String>

    init(_ section: QuantizationSection) throws(FileError) {
      self.section = section
      try section.requireKnown(["quant_config", "skip_modules"])
      guard let settings = section["quant_config"]?.object else {
        throw section.refusal(of: "quant_config", "an object")
      }
      self.settings = settings
      skipped = Set((section["skip_modules"]?.array ?? []).compactMap(\.string))
      for (tag, entry) in isOneForAll ? ["quant_config": .object(settings)] : settings {
        let place = "quantization_config.quant_config" + (isOneForAll ? "" : ".\(tag)")
        try refuseUnknown(
          entry, ["weight_quant_params", "scale_quant_params", "zero_quant_params", "offload_meta"], place)
        try refuseUnknown(
          entry["weight_quant_params"],
          ["nbits", "group_size", "axis", "channel_wise", "optimize", "round_zero", "view_as_float"], place)
      }
    }

    private func refuseUnknown(_ object: JSONValue?, _ keys: Set<String>, _ place: String) throws(FileError) {
      guard let stranger = object?.object?.keys.sorted().first(where: { !keys.contains($0) }) else { return }
      throw FileError(
        .unsupported, path: section.path, subject: "\(place).\(stranger)",
        "is a setting that is not known here, and may change what the weights are; hqq opens it")
    }

    private var isOneForAll: Bool { settings["weight_quant_params"] != nil }

    /// What a layer is called in the section: its name without `model`, `layers` and numbers.
    static func tag(of module: String) -> String {
      module.split(separator: ".").filter { part in
        part != "model" && part != "layers" && !part.allSatisfy(\.isNumber)
      }.joined(separator: ".")
    }

    /// - Throws: `FileError` where a layer is another than the section says.
    func check(_ module: String, width: Double, group: Int, axis: Int) throws(FileError) {
      let tag = Self.tag(of: module)
      let entry = isOneForAll ? .object(settings) : settings[tag]
      guard let said = entry?["weight_quant_params"], !said.isNull, !skipped.contains(tag) else {
        throw FileError(
          .mismatch, path: section.path, subject: module, "is quantized, but config.json says that it is not")
      }
      let found: [(key: String, value: Double)] = [
        ("nbits", width), ("group_size", Double(group)), ("axis", Double(axis)),
      ]
      for (key, value) in found {
        // A size of null is a whole row or column.
        guard let number = said[key].flatMap(\.unlessNull)?.double, abs(number - value) > 1e-6 else { continue }
        throw FileError(
          .mismatch, path: section.path, subject: "\(module).\(key)", "is \(value), but config.json says \(number)")
      }
    }

    /// - Throws: `FileError` where a layer is plain that the section says to be quantized.
    func checkPlain(_ source: any TensorSource, quantized: Set<String>) throws(FileError) {
      let tags = isOneForAll ? quantized : Set(settings.keys)
      for tensor in source.tensors where tensor.name.hasSuffix(".weight") && tensor.shape.count == 2 {
        let tag = Self.tag(of: String(tensor.name.dropLast(".weight".count)))
        guard tags.contains(tag), !skipped.contains(tag) else { continue }
        throw FileError(
          .mismatch, path: source.name, subject: tensor.name,
          "is stored as \(tensor.encoding.name), but config.json says how it is quantized")
      }
    }
  }
}
