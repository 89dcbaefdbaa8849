internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// Weights as GPTQ's programs store them: `P.qweight` in I32 of shape `[in * bits / 32, out]` with codes that run down the
/// columns, `P.qzeros` of `[groups, out * bits / 32]`, `P.scales` of `[groups, out]`, and `P.g_idx`, the group of each row of
/// `[in]`, which may be missing. `value = scale * (code - zero)`.
///
/// In the form `gptq` what is stored of zeros is one less, word by word as whole numbers of 32 bits; `gptq_v2` stores them as
/// they are. AutoRound packs the same way under a method of its own. Source: AutoGPTQ, GPTQModel `qlinear`, auto-round.
struct GPTQLayout: WeightLayout {
  var name: String { "gptq" }
  var methods: [String] { ["gptq", "auto-round", "intel/auto-round"] }

  /// Source: GPTQModel `QuantizeConfig`, transformers `GPTQConfig`, auto-round.
  var settings: Set<String>? { Self.known }
  static let known: Set<String> = [
    "quant_method", "method", "bits", "w_bit", "group_size", "q_group_size", "checkpoint_format", "format",
    "packing_format",
    "pack_dtype", "data_type", "sym", "zero_point", "desc_act", "dynamic", "extra_config", "lm_head", "rotation",
    "adapter",
    "is_marlin_format", "act_bits", "version", "modules_to_not_convert", "modules_in_block_to_quantize",
    // How weights were found, and by what.
    "act_data_type", "act_dynamic", "act_group_aware", "act_group_size", "act_sym", "amp", "auto_forward_data_parallel",
    "autoround_version", "backend", "batch_size", "block_name_to_quantize", "cache_block_outputs",
    "calibration_data_device",
    "compute_device_filter", "damp_auto_increment", "damp_percent", "dataset", "device", "disable_exllama",
    "enable_minmax_tuning", "enable_norm_bias_tuning", "enable_quanted_input", "exllama_config", "fallback", "foem",
    "gc_mode",
    "gptaq", "gptaq_alpha", "gradient_accumulate_steps", "hessian", "iters", "low_gpu_mem_usage", "lr",
    "max_input_length", "meta",
    "minmax_lr", "mock_quantization", "model_file_base_name", "model_name_or_path", "model_seqlen",
    "module_name_preceding_first_block", "moe", "mse", "nsamples", "offload_to_disk", "offload_to_disk_path",
    "pack_impl",
    "pad_token_id", "parallel_packing", "process", "provider", "quantizer", "scale_dtype", "seqlen", "static_groups",
    "super_bits",
    "super_group_size", "to_quant_block_names", "tokenizer", "true_sequential", "use_cuda_fp16", "use_exllama",
    "vram_strategy", "wait_for_submodule_finalizers",
  ]

  /// What the section says of all modules.
  private struct Settings {
    /// Widths of codes, and groups' sizes, that modules may have; -1 is a whole row.
    let schemes: [(bits: Int, group: Int)]
    /// Whether one was taken from zeros.
    let storesLess: Bool
  }

  /// Whether a section describes GPTQ's way to pack, and not that of AWQ.
  private static func isPackedSo(_ section: QuantizationSection) -> Bool {
    let format = (section["checkpoint_format"] ?? section["format"])?.string?.lowercased()
    return format != "gemm" && format != "gemv" && section["packing_format"]?.string?.contains("awq") != true
  }

  func weights(in source: any TensorSource, config: JSONValue?) throws(FileError) -> [FoundWeight] {
    let section = QuantizationSection(config, path: source.name)
    var settings: Settings?
    var result: [FoundWeight] = []
    for codes in source.tensors where codes.name.hasSuffix(".qweight") {
      guard let section else {
        throw LayoutRule.oneSection.broken(
          .missing, path: source.name, subject: codes.name,
          "is a weight of GPTQ or AWQ, but there is no config.json with \"quantization_config\", which says how it is packed"
        )
      }
      guard methods.contains(section.method), Self.isPackedSo(section) else { return [] }
      if settings == nil { settings = try Self.settings(of: section) }
      guard let known = settings else { continue }
      let parts = LayoutParts(module: String(codes.name.dropLast(".qweight".count)), layout: "GPTQ", source: source)
      try parts.requireElements(codes)
      result.append(FoundWeight(place: codes.name, weight: try weight(parts, codes, known, config: config)))
    }
    return result
  }

  // MARK: - The section

  /// Each is held against every weight.
  private static let mostSchemes = 64

  private static func settings(of section: QuantizationSection) throws(FileError) -> Settings {
    let isAutoRound = section.method != "gptq"
    try section.refuse(["rotation", "adapter", "is_marlin_format"])
    var storesLess = true
    if isAutoRound {
      let format = try section.require(
        ["packing_format"],
        oneOf: [
          "auto_round:auto_gptq", "auto_round:gptq", "auto_round:gptqmodel", "auto_round", "auto_gptq",
          "auto_round:gptq_v2",
        ],
        or: "auto_round:gptq")
      storesLess = ["auto_round:auto_gptq", "auto_round:gptq", "auto_gptq"].contains(format)
      _ = try section.require(["data_type"], oneOf: ["int"], or: "int")
      if let bits = try section.integer("act_bits"), bits < 16 { throw section.refusal(of: "act_bits", "16") }
    } else {
      let form = try section.require(["checkpoint_format", "format"], oneOf: ["gptq", "gptq_v2"], or: "gptq")
      storesLess = form == "gptq"
      _ = try section.require(["pack_dtype"], oneOf: ["int32", "torch.int32"], or: "int32")
    }
    let bits = try section.integer("bits", "w_bit")
    let group = try section.integer("group_size", "q_group_size") ?? -1
    guard let bits else { throw section.refusal(of: "bits", "2, 3, 4 or 8") }
    var schemes = [(bits: bits, group: group)]
    // The keys of these are expressions for names; what a module is shows in its shapes, and has to be one of them.
    for key in ["dynamic", "extra_config"] {
      for entry in try section.object(key).sorted(by: { $0.key < $1.key }) {
        func integer(_ name: String) throws(FileError) -> Int? {
          guard let value = entry.value[name]?.unlessNull else { return nil }
          if let number = value.int { return number }
          throw FileError(
            .unsupported, path: section.path, subject: "quantization_config.\(key)",
            "has \(FileError.quoted(entry.key)), whose \(name) is no whole number")
        }
        if let type = entry.value["data_type"]?.unlessNull, type.string?.lowercased() != "int" {
          throw FileError(
            .unsupported, path: section.path, subject: "quantization_config.\(key)",
            "has \(FileError.quoted(entry.key)), whose data_type is \(type.shown), but only int can be read")
        }
        let scheme = (bits: try integer("bits") ?? bits, group: try integer("group_size") ?? group)
        guard scheme.bits < 16, !schemes.contains(where: { $0 == scheme }) else { continue }
        guard schemes.count < Self.mostSchemes else {
          throw section.refusal(of: key, "up to \(Self.mostSchemes) ways to quantize")
        }
        schemes.append(scheme)
      }
    }
    for scheme in schemes where ![2, 3, 4, 8].contains(scheme.bits) || (scheme.group < 1 && scheme.group != -1) {
      throw FileError(
        .unsupported, path: section.path, subject: "quantization_config",
        "says \(scheme.bits) bits in groups of \(scheme.group); 2, 3, 4 and 8 bits are read, and groups of -1 or more than 0"
      )
    }
    return Settings(schemes: schemes, storesLess: storesLess)
  }

  // MARK: - A weight

  private func weight(
    _ parts: LayoutParts, _ codes: TensorDescriptor, _ settings: Settings, config: JSONValue?
  ) throws(FileError) -> GroupedWeight {
    let scales = try parts.require(".scales", for: codes.name)
    let zeros = try parts.require(".qzeros", for: codes.name)
    guard codes.encoding == .i32, codes.shape.count == 2 else { throw parts.mismatch(codes, "a matrix of i32") }
    guard scales.shape.count == 2,
      scaleEncodings.contains(scales.encoding), scales.shape[1] == codes.shape[1], scales.shape[0] > 0,
      let format = NumberFormat(scales.encoding)
    else {
      throw parts.mismatch(
        scales, "[groups, \(codes.shape.last ?? 0)] of f16, bf16 or f32 for \(codes.name), which has \(codes.shape)")
    }
    let (rows, groups) = (codes.shape[1], scales.shape[0])
    let order = parts.part(".g_idx")
    let fitting = settings.schemes.compactMap { scheme -> (bits: Int, group: Int, columns: Int)? in
      let columns = codes.shape[0] * 32 / scheme.bits
      let group = scheme.group == -1 ? columns : scheme.group
      guard codes.shape[0] * 32 % scheme.bits == 0, columns % 32 == 0, group > 0, columns > 0,
        columns.dividedRoundingUp(by: group) == groups
      else { return nil }
      return (scheme.bits, min(group, columns), columns)
    }
    // Codes of other widths may fill the same words, but not the zeros too.
    let fittingToo = fitting.first { zeros.shape == [groups, rows * $0.bits / 32] } ?? fitting.first
    guard let (bits, group, columns) = fittingToo, rows * bits % 32 == 0 else {
      let known = settings.schemes.map { "\($0.bits) bits in groups of \($0.group)" }.joined(separator: ", or ")
      throw parts.mismatch(codes, "codes of \(known), as config.json says, for \(groups) groups", .gptqGroups)
    }
    if order == nil, let other = fitting.first(where: { $0.bits == bits && $0.group != group }) {
      throw parts.mismatch(
        codes, "\(parts.module).g_idx, since groups of \(group) and of \(other.group) fit, which config.json has",
        .gptqGroups)
    }
    try parts.check(zeros, [.i32], [groups, rows * bits / 32])
    var stored = [codes.name, zeros.name, scales.name]
    var groupOfColumn: [Int32]?
    if let order {
      stored.append(order.name)
      groupOfColumn = try ColumnOrder.groups(of: order, columns: columns, group: group, groups: groups, parts)
    }
    let weightName = parts.weightName
    return GroupedWeight(
      name: weightName, shape: [rows, columns], layout: self, typeName: "int\(bits)", storedNames: stored,
      originalEncoding: ModelElementType.of(config) ?? scales.encoding,
      codes: ColumnCodes(name: codes.name, bits: bits, rows: rows, columns: columns),
      groups: GroupedWeight.Groups(
        levels: .integers(bits: bits), columns: group,
        isRow: settings.schemes.allSatisfy { $0.group == -1 }, groupOfColumn: groupOfColumn,
        scales: StoredNumbers(name: scales.name, format: format, rows: rows, groups: groups, isTransposed: true),
        offset: .zero, offsets: Self.zeros(zeros.name, bits: bits, rows: rows, storesLess: settings.storesLess)),
      source: parts.source)
  }

  /// The zeros, a row of codes for each group.
  private static func zeros(_ name: String, bits: Int, rows: Int, storesLess: Bool) -> PackedNumbers {
    // A field that is 0 borrows from the next: the programs add to whole words. Three bits do not fill words, and wrap around.
    let ones: [Int: UInt32] = [2: 0x5555_5555, 4: 0x1111_1111, 8: 0x0101_0101]
    let codes = RowCodes(
      name: name, bits: bits, columns: rows, rowBytes: rows * bits / 8, wordAddend: storesLess ? ones[bits] ?? 0 : 0)
    return PackedNumbers(
      codes: codes, columns: rows, isTransposed: true, addend: storesLess && bits == 3 ? 1 : 0, modulus: 1 << bits)
  }

  func reader(of type: TargetType?) -> String { "GPTQ" }
}
