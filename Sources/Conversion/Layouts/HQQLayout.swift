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
    /// Whether the bytes of the codes are stored as floats, for programs that move only these.
    let isViewed: Bool

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
      let setting = try Self.setting(of: parts)
      try settings?.check(parts.module, setting)
      tags.insert(LayerSettings.tag(of: parts.module))
      result.append(FoundWeight(place: codes.name, weight: try weight(parts, codes, setting, config: config)))
    }
    try settings?.checkPlain(source, quantized: tags)
    try refuseOthers(beside: result, in: source)
    return result
  }

  /// A layer has no other parts than those that are known, and a bias.
  private func refuseOthers(beside found: [FoundWeight], in source: any TensorSource) throws(FileError) {
    let modules = Set(found.map { $0.weight.name.dropLast(".weight".count) })
    guard !modules.isEmpty else { return }
    let known = Set(found.flatMap(\.weight.storedNames))
    for tensor in source.tensors {
      guard let point = tensor.name.lastIndex(of: "."), modules.contains(tensor.name[..<point]),
        !known.contains(tensor.name), ![".weight", ".bias"].contains(tensor.name[point...])
      else { continue }
      throw FileError(
        .unsupported, path: source.name, subject: tensor.name,
        "is beside the codes of a layer of HQQ, which is not known to have such a part; hqq opens it")
    }
  }

  // MARK: - A layer

  private static func setting(of parts: LayoutParts) throws(FileError) -> Setting {
    if let quantized = quantizedNumbers.lazy.compactMap({ parts.part($0) }).first {
      throw FileError(
        .unsupported, path: parts.source.name, subject: quantized.name,
        "holds scales or zeros in another form than floats, which is not read; hqq opens it")
    }
    for ending in [".quant_scale", ".quant_zero"] where try isTrue(ending, parts) {
      throw FileError(
        .unsupported, path: parts.source.name, subject: parts.module + ending,
        "says that scales or zeros are quantized themselves, which is not read; hqq opens it")
    }
    if parts.part(".channel_wise") != nil, try !isTrue(".channel_wise", parts) {
      throw FileError(
        .unsupported, path: parts.source.name, subject: parts.module + ".channel_wise",
        "says that there is one scale for the whole matrix, which is not read; hqq opens it")
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
      throw LayoutRule.hqqLayer.broken(
        .mismatch, path: parts.source.name, subject: parts.module + ".nbits",
        "is \(spelled(width)), but the codes are packed as \(name)")
    }
    if parts.part(".unpack_view_dtype") != nil, try text(".unpack_view_dtype", parts) != packing.type {
      throw FileError(
        .unsupported, path: parts.source.name, subject: parts.module + ".unpack_view_dtype",
        "is another type than \(packing.type), which \(name) is packed in")
    }
    let sizes = try numbers(".shape", parts)
    let shape = sizes.compactMap(Int.init(exactly:))
    guard sizes.count == 2, shape.count == 2, shape.allSatisfy({ $0 > 0 }),
      !shape[0].multipliedReportingOverflow(by: shape[1]).overflow
    else {
      throw LayoutRule.hqqLayer.broken(
        .malformed, path: parts.source.name, subject: parts.module + ".shape",
        "is [\(sizes.prefix(8).map(spelled).joined(separator: ", "))], which is no shape of a matrix")
    }
    let size = try number(".group_size", parts)
    guard let group = Int(exactly: size), group > 0, shape[0] * shape[1] % group == 0 else {
      throw LayoutRule.hqqLayer.broken(
        .malformed, path: parts.source.name, subject: parts.module + ".group_size",
        "is \(spelled(size)), into which \(shape[0]) x \(shape[1]) elements cannot be divided")
    }
    let axis = try number(".axis", parts)
    guard axis == 0 || axis == 1 else {
      throw LayoutRule.hqqLayer.broken(
        .malformed, path: parts.source.name, subject: parts.module + ".axis", "is \(spelled(axis)), not 0 or 1")
    }
    let isViewed = parts.part(".view_as_float") != nil ? try isTrue(".view_as_float", parts) : false
    let setting = Setting(
      shape: shape, width: width, group: group, axis: Int(axis), packing: packing, isViewed: isViewed)
    // Of 3 bits the last words are padded; of other widths hqq packs whole words only.
    let codes = packing.word.codes
    guard packing.word.bits == 3 || setting.grid.rows % codes == 0 else {
      throw LayoutRule.hqqLayer.broken(
        .malformed, path: parts.source.name, subject: parts.module + ".group_size",
        "leaves \(setting.grid.rows) rows of codes, but \(name) packs \(codes) into one")
    }
    return setting
  }

  private static func spelled(_ number: Double) -> String { Int(exactly: number).map(String.init) ?? "\(number)" }

  private func weight(
    _ parts: LayoutParts, _ codes: TensorDescriptor, _ setting: Setting, config: JSONValue?
  ) throws(FileError) -> GroupedWeight {
    let (rows, columns) = setting.grid
    let word = setting.packing.word
    let storedRows = rows.dividedRoundingUp(by: word.codes)
    let encodings: [Encoding] = setting.isViewed ? scaleEncodings : [word.byteCount == 1 ? .u8 : .i32]
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

  private static func numbers(
    _ ending: String, _ parts: LayoutParts, _ encodings: [Encoding] = [.u8, .i32, .i64, .f32]
  ) throws(FileError) -> [Double] {
    let part = try parts.require(ending, for: parts.module + codesEnding)
    let width = part.encoding.bytesPerBlock
    guard part.elementCount <= 64, encodings.contains(part.encoding) else {
      throw parts.mismatch(part, "a few numbers of \(encodings.map(\.name).joined(separator: " or "))", .hqqLayer)
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
      throw LayoutRule.hqqLayer.broken(
        .malformed, path: parts.source.name, subject: parts.module + ending, "holds \(numbers.count) numbers, not one")
    }
    return number
  }

  private static func isTrue(_ ending: String, _ parts: LayoutParts) throws(FileError) -> Bool {
    let number = try number(ending, parts)
    guard number == 0 || number == 1 else {
      throw LayoutRule.hqqLayer.broken(
        .malformed, path: parts.source.name, subject: parts.module + ending,
        "is \(spelled(number)), but only 0 (false) or 1 (true) has a meaning")
    }
    return number == 1
  }

  private static func text(_ ending: String, _ parts: LayoutParts) throws(FileError) -> String {
    String(decoding: try numbers(ending, parts, [.u8]).map { UInt8(exactly: $0) ?? 0 }, as: UTF8.self)
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
      skipped = Set(try section.strings("skip_modules"))
      let place = "quantization_config.quant_config"
      for (tag, entry) in isOneForAll ? [] : settings.sorted(by: { $0.key < $1.key }) {
        try check(entry, "\(place).\(tag)")
      }
      if isOneForAll { try check(.object(settings), place) }
    }

    /// What is said of one kind of layer, or of all.
    private func check(_ entry: JSONValue, _ place: String) throws(FileError) {
      let quantized = ["scale_quant_params", "zero_quant_params"]
      try requireKnown(entry, ["weight_quant_params", "offload_meta"] + quantized, place)
      try requireKnown(
        entry["weight_quant_params"],
        ["nbits", "group_size", "axis", "channel_wise", "optimize", "round_zero", "view_as_float"],
        place + ".weight_quant_params")
      guard let key = quantized.first(where: { entry[$0]?.unlessNull != nil }) else { return }
      throw FileError(
        .unsupported, path: section.path, subject: "\(place).\(key)",
        "says that scales or zeros are quantized themselves, which is not read; hqq opens it")
    }

    /// - Throws: `FileError` for what is neither null nor an object of some keys.
    private func requireKnown(_ value: JSONValue?, _ keys: [String], _ place: String) throws(FileError) {
      guard let value = value?.unlessNull else { return }
      guard let object = value.object else {
        throw LayoutRule.hqqSection.broken(
          .malformed, path: section.path, subject: place, "is \(value.shown), but an object is expected")
      }
      guard let stranger = object.keys.sorted().first(where: { !keys.contains($0) }) else { return }
      throw FileError(
        .unsupported, path: section.path, subject: "\(place).\(stranger)",
        "is a setting that is not known here, and may change what the weights are; hqq opens it")
    }

    private var isOneForAll: Bool { settings.keys.contains("weight_quant_params") }

    /// What a layer is called in the section: its name without `model`, `layers` and numbers.
    static func tag(of module: String) -> String {
      module.split(separator: ".").filter { part in
        part != "model" && part != "layers" && !part.allSatisfy(\.isNumber)
      }.joined(separator: ".")
    }

    /// - Throws: `FileError` where a layer is another than the section says.
    func check(_ module: String, _ setting: Setting) throws(FileError) {
      let tag = Self.tag(of: module)
      let entry = isOneForAll ? .object(settings) : settings[tag]
      guard let said = entry?["weight_quant_params"], !said.isNull, !skipped.contains(tag) else {
        throw LayoutRule.hqqSection.broken(
          .mismatch, path: section.path, subject: module, "is quantized, but config.json says that it is not")
      }
      // A size of null is a whole row or column.
      var size = said["group_size"]
      if size == .null { size = .integer(setting.shape[setting.axis]) }
      let found: [(key: String, said: JSONValue?, value: Double)] = [
        ("nbits", said["nbits"], setting.width), ("group_size", size, Double(setting.group)),
        ("axis", said["axis"], Double(setting.axis)),
      ]
      for (key, said, value) in found {
        guard let said = said?.unlessNull, said.double.map({ abs($0 - value) < 1e-6 }) != true else { continue }
        throw LayoutRule.hqqSection.broken(
          .mismatch, path: section.path, subject: "\(module).\(key)",
          "is \(HQQLayout.spelled(value)), but config.json says \(said.shown)")
      }
      for (key, value) in [("view_as_float", setting.isViewed), ("channel_wise", true)] {
        guard let said = said[key]?.unlessNull, said != .bool(value) else { continue }
        throw LayoutRule.hqqSection.broken(
          .mismatch, path: section.path, subject: "\(module).\(key)",
          "is \(value), but config.json says \(said.shown)")
      }
    }

    /// - Throws: `FileError` where a layer is plain that the section says to be quantized.
    func checkPlain(_ source: any TensorSource, quantized: Set<String>) throws(FileError) {
      let said = settings.filter { $0.value["weight_quant_params"]?.unlessNull != nil }
      let tags = isOneForAll ? quantized : Set(said.keys)
      for tensor in source.tensors where tensor.name.hasSuffix(".weight") && tensor.shape.count == 2 {
        let tag = Self.tag(of: String(tensor.name.dropLast(".weight".count)))
        guard tags.contains(tag), !skipped.contains(tag) else { continue }
        throw LayoutRule.hqqSection.broken(
          .mismatch, path: source.name, subject: tensor.name,
          "is stored as \(tensor.encoding.name), but config.json says how it is quantized")
      }
    }
  }
}
