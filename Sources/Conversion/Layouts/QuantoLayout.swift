internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// Weights as optimum-quanto saves models. Bytes: `P.weight._data` in I8 or FP8 and `P.weight._scale` for every row. 2 and 4
/// bits: `P.weight._data._data` in U8, runs of rows over one another, the first in the low bits; `P.weight._scale` and
/// `P.weight._shift`, one for each of these rows, which are groups of the weight's: `value = scale * code - shift`, or
/// `scale * (code - shift)` with whole shifts. quanto_qmap.json says the type of each layer; the shape is that of the model.
///
/// Source: optimum-quanto `nn/qmodule.py`, `tensor/weights/qbits.py`, `tensor/qbits.py`.
struct QuantoLayout: WeightLayout {
  private static let file = "quanto_qmap.json"
  private static let packedEnding = ".weight._data._data"
  private static let dataEnding = ".weight._data"
  private static let scaleEnding = ".weight._scale"
  private static let shiftEnding = ".weight._shift"
  /// Scales of what passes through a layer.
  private static let otherEndings = [".input_scale", ".output_scale"]

  /// A type of codes.
  private enum CodeType {
    case packed(bits: Int)
    case bytes(GroupLevels, Encoding, name: String)

    static let all: [String: CodeType] = [
      "qint2": .packed(bits: 2), "qint4": .packed(bits: 4), "qint8": .bytes(.signedBytes, .i8, name: "int8"),
      "qfloat8": .bytes(.e4m3, .f8E4M3, name: "fp8"), "qfloat8_e4m3fn": .bytes(.e4m3, .f8E4M3, name: "fp8"),
      "qfloat8_e5m2": .bytes(.e5m2, .f8E5M2, name: "fp8_e5m2"),
    ]
  }

  var name: String { "quanto" }
  var ownFile: String? { Self.file }

  var parts: [(ending: String, whole: String)] {
    [Self.scaleEnding, Self.shiftEnding].map { ($0, "tensor \(Self.dataEnding)") }
  }

  func weights(
    in source: any TensorSource, config: JSONValue?, beside: BesideConfig
  ) throws(FileError) -> [FoundWeight] {
    let file = Self.file
    let map = beside.files[file]?.object
    if let document = beside.files[file], map == nil {
      throw LayoutRule.quantoMap.broken(
        .malformed, path: source.name, subject: file,
        "is \(document.shown), but an object that says the type of each layer is expected")
    }
    let section = try Self.section(config, path: source.name)
    var result: [FoundWeight] = []
    var found: Set<String> = []
    for data in source.tensors {
      guard let ending = [Self.packedEnding, Self.dataEnding].first(where: { data.name.hasSuffix($0) }) else {
        continue
      }
      let parts = LayoutParts(module: String(data.name.dropLast(ending.count)), layout: "quanto", source: source)
      guard let map else {
        throw LayoutRule.quantoMap.broken(
          .missing, path: source.name, subject: data.name,
          "is a part of a weight of optimum-quanto, but there is no \(file) beside it, which says its type")
      }
      let type = try Self.type(of: parts.module, in: map, section, source)
      found.insert(parts.module)
      result.append(
        FoundWeight(place: data.name, weight: try weight(parts, data, type, shape: beside.shape, config: config)))
    }
    let missed = (map ?? [:]).filter { !found.contains($0.key) && !$0.value.isNull }
    for (module, entry) in missed.sorted(by: { $0.key < $1.key }) {
      guard entry["weights"]?.string == "none" else {
        throw LayoutRule.quantoMap.broken(
          .missing, path: source.name, subject: module + Self.dataEnding,
          "is not there, though \(file) says that the layer is quantized")
      }
      throw FileError(
        .unsupported, path: source.name, subject: module,
        "is a layer of which \(file) says that only what passes through it is quantized, which is not read; "
          + "optimum-quanto opens it")
    }
    return result
  }

  /// What transformers says in config.json of models that it quantizes so; nil where nothing is said.
  private static func section(_ config: JSONValue?, path: String) throws(FileError) -> QuantizationSection? {
    guard let section = QuantizationSection(config, path: path), section.method == "quanto" else { return nil }
    try section.requireKnown(["weights", "activations", "modules_to_not_convert"])
    return section
  }

  private static func type(
    of module: String, in map: [String: JSONValue], _ section: QuantizationSection?, _ source: any TensorSource
  ) throws(FileError) -> CodeType {
    guard let value = map[module]?.unlessNull else {
      throw LayoutRule.quantoMap.broken(
        .mismatch, path: source.name, subject: module, "is quantized, but \(file) does not say so")
    }
    guard let entry = value.object else {
      throw LayoutRule.quantoMap.broken(
        .malformed, path: source.name, subject: module, "is \(value.shown) in \(file), but an object is expected")
    }
    if let stranger = entry.keys.sorted().first(where: { $0 != "weights" && $0 != "activations" }) {
      throw FileError(
        .unsupported, path: source.name, subject: module,
        "has the setting \(FileError.quoted(stranger)) in \(file), which is not known here; optimum-quanto opens it")
    }
    if let activations = entry["activations"]?.unlessNull, activations.string == nil {
      throw LayoutRule.quantoMap.broken(
        .malformed, path: source.name, subject: module,
        "has activations of the type \(activations.shown) in \(file), but a name is expected")
    }
    let said = entry["weights"] ?? .null
    guard let name = said.string, let type = CodeType.all[name] else {
      throw FileError(
        .unsupported, path: source.name, subject: module,
        "has the type \(said.shown) in \(file), which is not read; these are: "
          + CodeType.all.keys.sorted().joined(separator: ", ") + "; optimum-quanto opens it")
    }
    // transformers calls qint4 int4.
    if let other = section?["weights"], other.string.map({ name == "q\($0)" || name.hasPrefix("q\($0)_") }) != true {
      throw LayoutRule.quantoSection.broken(
        .mismatch, path: source.name, subject: module,
        "has the type \(FileError.quoted(name)) in \(file), but config.json says \(other.shown)")
    }
    return type
  }

  // MARK: - A weight

  private func weight(
    _ parts: LayoutParts, _ data: TensorDescriptor, _ type: CodeType, shape: (String) -> [Int]?, config: JSONValue?
  ) throws(FileError) -> GroupedWeight {
    let scales = try parts.require(Self.scaleEnding, for: data.name)
    let others = Self.otherEndings.compactMap { parts.part($0) }
    for other in others where !scaleEncodings.contains(other.encoding) || other.elementCount != 1 {
      throw parts.mismatch(other, "one number of \(scaleEncodings.map(\.name).joined(separator: " or "))", .quantoParts)
    }
    try parts.requireElements(data)
    let original = ModelElementType.of(config) ?? scales.encoding
    switch type {
    case .bytes(let levels, let encoding, let typeName):
      guard data.name.hasSuffix(Self.dataEnding), !data.name.hasSuffix(Self.packedEnding), data.encoding == encoding,
        data.shape.count == 2
      else { throw parts.mismatch(data, "a matrix \(Self.dataEnding) of \(encoding.name)") }
      try parts.check(scales, scaleEncodings, [data.rows, 1])
      if let shift = parts.part(Self.shiftEnding) {
        throw parts.mismatch(shift, "none beside codes of a byte", .quantoParts)
      }
      return try ScaledBytes(parts: parts, codes: data, scales: scales, block: (1, 0)).weight(
        levels: levels, layout: self, typeName: typeName, original: original, others: others)
    case .packed(let bits):
      guard let own = shape(parts.weightName) else {
        throw FileError(
          .unsupported, path: parts.source.name, subject: data.name,
          "is packed, and how long its rows are only the model tells, but config.json has none that is known here and has "
            + "this weight; optimum-quanto opens it")
      }
      return try packed(parts, data, scales, bits: bits, own, original, others)
    }
  }

  private func packed(
    _ parts: LayoutParts, _ data: TensorDescriptor, _ scales: TensorDescriptor, bits: Int, _ shape: [Int],
    _ original: Encoding, _ others: [TensorDescriptor]
  ) throws(FileError) -> GroupedWeight {
    guard shape.count == 2, shape.allSatisfy({ $0 > 0 }), data.encoding == .u8, data.name.hasSuffix(Self.packedEnding)
    else {
      throw parts.mismatch(data, "a matrix \(Self.packedEnding) of u8 for a weight of shape \(shape)", .quantoParts)
    }
    let columns = Self.group(ofRows: shape[1])
    let (rows, isTooMany) = shape[0].multipliedReportingOverflow(by: shape[1] / columns)
    let word = StackedCodes.Word(bits: bits, codes: 8 / bits, isHighFirst: false)
    let storedRows = rows.dividedRoundingUp(by: word.codes)
    guard !isTooMany, data.shape == [storedRows, columns] else {
      throw parts.mismatch(
        data, "[\(storedRows), \(columns)] of u8 for \(bits) bits and a weight of shape \(shape), as the model has it",
        .quantoParts)
    }
    let shifts = try parts.require(Self.shiftEnding, for: data.name)
    try parts.check(scales, scaleEncodings, [rows, 1])
    try parts.check(shifts, scaleEncodings + [.i8, .u8], [rows, 1])
    // A whole shift is taken for one of eight bits with a sign, whatever it is stored as.
    guard let scaleFormat = NumberFormat(scales.encoding),
      let shiftFormat = NumberFormat(shifts.encoding, byte: .signedByte)
    else { throw parts.mismatch(shifts, "floats or i8") }
    let isWhole = shiftFormat == .signedByte
    return GroupedWeight(
      name: parts.weightName, shape: shape, layout: self, typeName: "int\(bits)",
      storedNames: [data, scales, shifts].map(\.name) + others.map(\.name), originalEncoding: original,
      codes: StackedCodes(name: data.name, word: word, storedRows: storedRows, columns: columns),
      groups: GroupedWeight.Groups(
        levels: .integers(bits: bits), columns: columns,
        scales: StoredNumbers(name: scales.name, format: scaleFormat, rows: rows, groups: 1),
        offset: isWhole ? .zero : .bias,
        offsets: StoredNumbers(
          name: shifts.name, format: shiftFormat, rows: rows, groups: 1, factor: isWhole ? .none : .times(-1))),
      width: columns, source: parts.source)
  }

  /// Columns that share a scale: 128, or what divides longer rows of 128, 96, 64 and 32; else the whole row.
  private static func group(ofRows columns: Int) -> Int {
    guard columns > 128 else { return columns }
    return [128, 96, 64, 32].first { columns % $0 == 0 } ?? columns
  }

  /// None: what is quantized stands in the file of its own.
  func quantizationConfig(
    _ type: TargetType?, of tensors: [PlannedTensor], elementType: String?, own: [String: JSONValue]?
  ) -> [String: JSONValue] { own ?? [:] }

  func reader(of type: TargetType?) -> String { "optimum-quanto" }
}
