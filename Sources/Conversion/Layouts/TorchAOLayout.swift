internal import Architectures
internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// Weights as torchao flattens them into safetensors, for transformers and vLLM: a tensor `P.weight` is `P._weight_qdata`,
/// `P._weight_scale` and what its class has beside, and `__metadata__` says of it, as a JSON text under `P.weight`, its class,
/// the settings and the names of the parts; `tensor_names` lists all tensors, also those that are plain.
///
/// Source: torchao `prototype/safetensors`, `quantization/quantize_/workflows`, `prototype/mx_formats`.
struct TorchAOLayout: WeightLayout {
  private static let listKey = "tensor_names"
  private static let plainClass = "Tensor"

  var name: String { "torchao" }

  func weights(
    in source: any TensorSource, config: JSONValue?, beside: BesideConfig
  ) throws(FileError) -> [FoundWeight] {
    let section = QuantizationSection(config, path: source.name)
    guard let list = beside.fileMetadata[Self.listKey] else {
      guard section?.method == name, let part = source.tensors.first(where: { Self.isPart($0.name) }) else { return [] }
      throw LayoutRule.torchAOMetadata.broken(
        .missing, path: source.name, subject: "__metadata__.\(Self.listKey)",
        "is not there, which says of what weight \(FileError.quoted(part.name)) is a part")
    }
    guard let names = try Self.json(list, of: Self.listKey, source).strings else {
      throw LayoutRule.torchAOMetadata.broken(
        .malformed, path: source.name, subject: "__metadata__.\(Self.listKey)", "is no list of names of tensors")
    }
    var result: [FoundWeight] = []
    var plain: [String] = []
    var taken: Set<String> = []
    let settings = section?.method == name ? try section.map(TorchAOSection.init) : nil
    for name in names {
      guard let text = beside.fileMetadata[name] else {
        throw LayoutRule.torchAOMetadata.broken(
          .missing, path: source.name, subject: name, "is a tensor of torchao of which the file's metadata says nothing"
        )
      }
      guard let flat = try FlatTensor(name, try Self.json(text, of: name, source), source) else {
        plain.append(name)
        continue
      }
      try settings?.check(name, flat.className)
      let weight = try flat.weight(layout: self, source)
      // A tensor that is listed twice is there once.
      guard taken.isDisjoint(with: weight.storedNames), let place = weight.storedNames.first else {
        throw LayoutRule.torchAOMetadata.broken(
          .malformed, path: source.name, subject: name, "is listed twice in the file's metadata")
      }
      taken.formUnion(weight.storedNames)
      result.append(FoundWeight(place: place, weight: weight))
    }
    if let shared = plain.first(where: taken.contains) {
      throw LayoutRule.torchAOMetadata.broken(
        .malformed, path: source.name, subject: shared,
        "is a part of a torchao weight, but the file's metadata lists it as a tensor of its own")
    }
    if let stray = source.tensors.first(where: { !taken.contains($0.name) && Self.isPart($0.name) }) {
      throw LayoutRule.torchAOMetadata.broken(
        .mismatch, path: source.name, subject: stray.name,
        "is named like a part of a torchao weight, but no weight of the file's metadata has it")
    }
    return result
  }

  /// Whether a name is as that of a part, `P._weight_scale`.
  private static func isPart(_ name: String) -> Bool {
    let last = name[(name.lastIndex(of: ".") ?? name.startIndex)...]
    return last.hasPrefix("._") && last.dropFirst(2).contains("_")
  }

  private static func json(_ text: String, of key: String, _ source: any TensorSource) throws(FileError) -> JSONValue {
    do throws(JSONError) {
      return try JSONValue(parsing: Array(text.utf8))
    } catch {
      throw LayoutRule.torchAOMetadata.broken(
        .malformed, path: source.name, subject: "__metadata__.\(key)", error.description)
    }
  }

  // MARK: - An output

  /// What the source says, with the modules that are quantized no more among those that are left as they are.
  func quantizationConfig(
    _ type: TargetType?, of tensors: [PlannedTensor], elementType: String?, own: [String: JSONValue]?
  ) -> [String: JSONValue] {
    guard var own else { return [:] }
    let skipped = own["modules_to_not_convert"]?.array ?? []
    let plain = tensors.filter(\.losesQuantization).map { JSONValue.string($0.module) }
    own["modules_to_not_convert"] = .array(skipped + plain.filter { !skipped.contains($0) })
    return own
  }

  /// What the files say of weights that stay what they are; of the others, that they are plain.
  func fileMetadata(of tensors: [PlannedTensor], own: [String: String]) -> [String: String] {
    guard let list = own[Self.listKey] else { return own }
    let listed = (try? JSONValue(parsing: Array(list.utf8)))?.array?.compactMap(\.string) ?? []
    var metadata = own
    for name in listed + [Self.listKey] { metadata[name] = nil }
    guard tensors.contains(where: { $0.spelling?.layout is TorchAOLayout }) else { return metadata }
    for tensor in tensors {
      let isKept = tensor.spelling?.layout is TorchAOLayout
      let stored = tensor.rows.derivation.sources.first?.name ?? tensor.name
      metadata[tensor.name] = isKept ? own[stored] : #"{"_type": "\#(Self.plainClass)"}"#
    }
    let names = tensors.map(\.name)
    let text = try? JSONValue.array(names.map(JSONValue.string)).serialized(pretty: false)
    metadata[Self.listKey] = Set(names) == Set(listed) ? list : text.map { String(decoding: $0, as: UTF8.self) }
    return metadata
  }

  func reader(of type: TargetType?) -> String { "torchao" }
}

// MARK: - A tensor

extension TorchAOLayout {
  /// A tensor of one of torchao's classes, as metadata describe it.
  private struct FlatTensor {
    let name: String
    let className: String
    private let parts: LayoutParts
    private let settings: [String: JSONValue]
    private let dataNames: Set<String>
    /// Of the parts: `P._weight_`.
    private let prefix: String

    /// Which settings and parts a class has. What stands in neither changes nothing that is decoded.
    private struct Class {
      let settings: Set<String>
      let data: Set<String>
      var optionalData: Set<String> = []
    }

    private static let classes: [String: Class] = [
      "Int8Tensor": Class(
        settings: ["block_size", "dtype", "act_quant_kwargs", "reduce_range"], data: ["qdata", "scale"],
        optionalData: ["zero_point", "act_quant_scale", "act_quant_zero_point"]),
      "Float8Tensor": Class(
        settings: ["block_size", "mm_config", "act_quant_kwargs", "kernel_preference", "dtype"],
        data: ["qdata", "scale"],
        optionalData: ["act_quant_scale"]),
      "IntxUnpackedToInt8Tensor": Class(
        settings: ["target_dtype", "block_size", "dtype", "activation_quantization"],
        data: ["qdata", "scale", "zero_point"]),
      "NVFP4Tensor": Class(
        settings: ["block_size", "orig_dtype", "is_swizzled_scales", "use_triton_kernel", "act_quant_kwargs"],
        data: ["qdata", "scale"], optionalData: ["per_tensor_scale", "act_per_tensor_scale"]),
      "MXTensor": Class(
        settings: [
          "elem_dtype", "block_size", "orig_dtype", "kernel_preference", "act_quant_kwargs", "is_swizzled_scales",
        ],
        data: ["qdata", "scale"]),
    ]
    /// Classes whose bytes are laid out for one kernel, and whose.
    private static let packedForKernels = [
      "Int4Tensor": "mslk", "Int4PreshuffledTensor": "mslk", "Int4TilePackedTo4dTensor": "tinygemm",
      "Int4MarlinSparseTensor": "Marlin", "Int4PlainInt32Tensor": "XPUs and NPUs", "Int4OpaqueTensor": "processors",
      "IntxOpaqueTensor": "processors",
    ]

    /// nil for a plain tensor.
    init?(_ name: String, _ metadata: JSONValue, _ source: any TensorSource) throws(FileError) {
      func malformed(_ rule: LayoutRule, _ text: String) -> FileError {
        rule.broken(.malformed, path: source.name, subject: "__metadata__.\(name)", text)
      }
      guard let className = metadata["_type"]?.string else {
        let found = metadata["_type"].map { "has the class \($0.shown)" } ?? "is \(metadata.shown)"
        throw malformed(
          .torchAOMetadata, "\(found), but an object that names a class of tensors (\"_type\") is expected")
      }
      guard className != plainClass else { return nil }
      let data = metadata["_data"] ?? [:]
      guard let settings = data.object else {
        throw malformed(.torchAOClass, "has the settings \(data.shown), which are no object")
      }
      let names = metadata["_tensor_data_names"] ?? []
      guard let dataNames = names.strings else {
        throw malformed(.torchAOClass, "has the parts \(names.shown), which is no list of names")
      }
      guard let point = name.lastIndex(of: ".") else {
        throw malformed(.torchAOMetadata, "is about a tensor of no module, of which torchao stores no parts")
      }
      self.name = name
      self.className = className
      parts = LayoutParts(module: String(name[..<point]), layout: "torchao's \(className)", source: source)
      prefix = "._\(name[name.index(after: point)...])_"
      self.settings = settings
      self.dataNames = Set(dataNames)
      guard let known = Self.classes[className] else {
        let use = Self.packedForKernels[className].map { "is packed for \($0)" } ?? "is not known"
        throw refusal(
          "is a \(FileError.quoted(className)), which \(use) and is not read; these are: "
            + Self.classes.keys.sorted().joined(separator: ", "))
      }
      if let stranger = settings.keys.sorted().first(where: { !known.settings.contains($0) }) {
        throw refusal("has the setting \(FileError.quoted(stranger)), which \(className) is not known to have")
      }
      let all = known.data.union(known.optionalData)
      if let stranger = self.dataNames.sorted().first(where: { !all.contains($0) }) {
        throw refusal("has the part \(FileError.quoted(stranger)), which changes what the weight is, and is not read")
      }
      guard known.data.isSubset(of: dataNames) else {
        throw refusal("lacks a part of \(known.data.sorted().joined(separator: ", ")) in the file's metadata")
      }
      for key in ["dtype", "orig_dtype"] {
        guard let type = named(key), ModelElementType.named(type) == nil else { continue }
        throw refusal("has the \(FileError.quoted(key)) \(FileError.quoted(type)), which is not read")
      }
    }

    private func refusal(_ text: String) -> FileError {
      FileError(.unsupported, path: parts.source.name, subject: name, "\(text); torchao opens it")
    }

    // MARK: - Settings

    private func setting(_ key: String) -> JSONValue? { settings[key].flatMap(\.unlessNull) }

    /// An element type as torch calls it; of anything else what it is.
    private func named(_ key: String) -> String? { setting(key).map { $0["_data"]?.string ?? $0.shown } }

    private var original: Encoding? {
      ["dtype", "orig_dtype"].lazy.compactMap(named).compactMap { ModelElementType.named($0) }.first
    }

    private func part(_ data: String) throws(FileError) -> TensorDescriptor {
      try parts.require(prefix + data, for: name)
    }

    private func partIfListed(_ data: String) throws(FileError) -> TensorDescriptor? {
      dataNames.contains(data) ? try part(data) : nil
    }

    /// Every part that is listed, the codes first.
    private func stored() throws(FileError) -> [TensorDescriptor] {
      try [part("qdata")] + dataNames.subtracting(["qdata"]).sorted().map { data throws(FileError) in try part(data) }
    }

    // MARK: - Weights

    func weight(layout: TorchAOLayout, _ source: any TensorSource) throws(FileError) -> GroupedWeight {
      switch className {
      case "NVFP4Tensor", "MXTensor": try microscaled(layout)
      default: try blocked(layout)
      }
    }

    /// Bytes with scales for blocks, and zeros perhaps.
    private func blocked(_ layout: TorchAOLayout) throws(FileError) -> GroupedWeight {
      let codes = try part("qdata")
      let scales = try part("scale")
      try parts.requireElements(codes)
      let target = named("target_dtype") ?? "int8"
      guard (1...8).contains(where: { target == "int\($0)" }) else {
        throw refusal("has codes of the type \(FileError.quoted(target)), which is not read; int1 to int8 are")
      }
      let kinds: [Encoding: (GroupLevels, String)] =
        className == "Float8Tensor"
        ? [.f8E4M3: (.e4m3, "fp8"), .f8E5M2: (.e5m2, "fp8_e5m2")] : [.i8: (.signedBytes, target)]
      guard let (levels, typeName) = kinds[codes.encoding], codes.shape.count >= 2 else {
        throw parts.mismatch(codes, "a matrix of \(kinds.keys.map(\.name).sorted().joined(separator: " or "))")
      }
      let sizes = setting("block_size")?.array ?? []
      let block = sizes.compactMap(\.int)
      guard sizes.count == codes.shape.count, block.count == sizes.count, block.allSatisfy({ $0 > 0 }),
        zip(codes.shape, block).allSatisfy({ $0 % $1 == 0 })
      else {
        throw LayoutRule.torchAOClass.broken(
          .mismatch, path: parts.source.name, subject: name,
          "has blocks of \((setting("block_size") ?? .null).shown), which have to divide its shape \(codes.shape)")
      }
      let counts = zip(codes.shape, block).map { $0 / $1 }
      try parts.check(scales, scaleEncodings, counts)
      guard let format = NumberFormat(scales.encoding) else { throw parts.mismatch(scales, "floats") }
      // Blocks of whole matrices of a stack, or of rows of each.
      let isWhole = counts.dropLast().allSatisfy { $0 == 1 }
      guard isWhole || block.dropLast(2).allSatisfy({ $0 == 1 }) else {
        throw refusal("has blocks of \(block) in a shape of \(codes.shape), which are not read")
      }
      let (rows, columns) = (codes.rows, codes.columns)
      let rowsPerNumber = max(1, isWhole ? rows : block[block.count - 2])
      func numbers(_ part: TensorDescriptor, _ format: NumberFormat) -> StoredNumbers {
        StoredNumbers(
          name: part.name, format: format, rows: rows, groups: counts[counts.count - 1], rowsPerNumber: rowsPerNumber)
      }
      var offsets: StoredNumbers?
      if let zeros = try partIfListed("zero_point") {
        try parts.check(zeros, [.i8] + scaleEncodings, counts)
        guard let format = NumberFormat(zeros.encoding) else { throw parts.mismatch(zeros, "i8 or floats") }
        offsets = numbers(zeros, format)
      }
      return GroupedWeight(
        name: name, shape: codes.shape, layout: layout, typeName: typeName, storedNames: try stored().map(\.name),
        originalEncoding: original ?? .bf16,
        codes: RowCodes(name: codes.name, bits: 8, columns: columns, rowBytes: columns),
        groups: GroupedWeight.Groups(
          levels: levels, columns: block[block.count - 1], isRow: block.last == columns,
          scales: numbers(scales, format),
          offset: offsets == nil ? .none : .zero, offsets: offsets),
        source: parts.source)
    }

    /// Small floats, whose scales are bytes for 16 or 32 neighbours.
    private func microscaled(_ layout: TorchAOLayout) throws(FileError) -> GroupedWeight {
      let isNVFP4 = className == "NVFP4Tensor"
      let codes = try part("qdata")
      let scales = try part("scale")
      try parts.requireElements(codes)
      let elementType = isNVFP4 ? "float4_e2m1fn_x2" : named("elem_dtype") ?? "null"
      let kinds: [String: (GroupLevels, Encoding, String)] = [
        "float4_e2m1fn_x2": (.e2m1, .u8, isNVFP4 ? "nvfp4" : "mxfp4"), "float8_e4m3fn": (.e4m3, .f8E4M3, "mxfp8"),
        "float8_e5m2": (.e5m2, .f8E5M2, "mxfp8_e5m2"),
      ]
      guard let (levels, encoding, typeName) = kinds[elementType] else {
        throw refusal(
          "has elements of the type \(FileError.quoted(elementType)), which is not read; these are: "
            + kinds.keys.sorted().joined(separator: ", "))
      }
      guard let group = setting("block_size")?.int, group > 0, group <= 1 << 20 else {
        throw refusal("has no \"block_size\" that is the number of elements of a group")
      }
      let codesPerByte = 8 / levels.bits
      let (columns, isTooMany) = codes.columns.multipliedReportingOverflow(by: codesPerByte)
      guard codes.encoding == encoding, codes.shape.count >= 2, !isTooMany, columns % group == 0 else {
        throw parts.mismatch(codes, "rows of whole groups of \(group) elements, of \(encoding.name)", .torchAOScales)
      }
      let (rows, groups) = (codes.rows, columns / group)
      let order = setting("is_swizzled_scales") ?? .bool(false)
      guard let isTiled = order.bool else {
        throw refusal("has \(order.shown) for \"is_swizzled_scales\", which is true or false")
      }
      let outer = Array(codes.shape.dropLast())
      let encodings: [Encoding] = isNVFP4 ? [.f8E4M3] : [.f8E8M0, .u8]
      if isTiled {
        guard encodings.contains(scales.encoding),
          scales.byteCount == TiledNumbers.byteCount(rows: rows, groups: groups)
        else {
          throw parts.mismatch(
            scales, "tiles of 128 rows by 4 groups for \(rows) rows of \(groups) groups", .torchAOScales)
        }
      } else {
        try parts.check(scales, encodings, outer + [groups])
      }
      var factor = StoredNumbers.Factor.none
      if let global = try partIfListed("per_tensor_scale") {
        guard global.encoding == .f32 else { throw parts.mismatch(global, "one number of f32") }
        factor = .times(try parts.scale(global))
      }
      let format = isNVFP4 ? NumberFormat.e4m3 : .exponent
      return GroupedWeight(
        name: name, shape: outer + [columns], layout: layout, typeName: typeName,
        storedNames: try stored().map(\.name), originalEncoding: original ?? .bf16,
        codes: RowCodes(name: codes.name, bits: levels.bits, columns: columns, rowBytes: codes.columns),
        groups: GroupedWeight.Groups(
          levels: levels, columns: group,
          scales: isTiled
            ? TiledNumbers(name: scales.name, format: format, groups: groups, factor: factor)
            : StoredNumbers(name: scales.name, format: format, rows: rows, groups: groups, factor: factor)),
        source: parts.source)
    }
  }
}
