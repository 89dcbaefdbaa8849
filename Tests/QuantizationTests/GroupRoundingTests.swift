import Bytes
import Quantization
import TestSupport
import Testing

/// Codes and numbers of groups as libraries round weights, and what all roundings have in common.
@Suite struct GroupRoundingTests {
  static let file = Result { try GoldenFile(path: Golden.folder + "groups.safetensors") }
  static let columns = 128

  @Test func everyGoldenIsCompared() throws {
    let keys = try Self.file.get().keys.filter { !$0.hasPrefix("in/") }
    #expect(
      Set(keys.map { $0.split(separator: "/").prefix(2).joined(separator: "/") })
        == Set(GroupRoundingCase.all.map(\.key)))
  }

  @Test(arguments: GroupRoundingCase.all, KernelSet.all)
  func golden(rounding: GroupRoundingCase, kernels: KernelSet) throws {
    let file = try Self.file.get()
    for element in ElementRounding.allCases {
      let values = try file.floats("in/\(element)")
      let encoder = rounding.make(element, kernels)
      let key = "\(rounding.key)/\(element)/"
      let groups = encoder.encoded(values, columns: Self.columns)
      let valid = file.contains(key + "valid") ? try file.bytes(key + "valid") : values.map { _ in 1 }
      let codes = try file.bytes(key + "codes")
      #expect(groups.codes.count == codes.count)
      #expect(codes.indices.filter { valid[$0] == 1 && groups.codes[$0] != codes[$0] } == [], "\(key)")
      #expect(groups.scales.bitPatterns == (try file.floats(key + "scales")).bitPatterns, "\(key)")
      if file.contains(key + "offsets") {
        #expect(groups.offsets.bitPatterns == (try file.floats(key + "offsets")).bitPatterns, "\(key)")
      } else {
        #expect(groups.offsets.isEmpty && encoder.offset == .none)
      }
      if let encoder = encoder as? NVFP4Rounding {
        let number = file.contains(key + "number") ? try file.floats(key + "number").first : nil
        #expect(encoder.globalScale(magnitude: values.magnitude) == number, "\(key)")
        #expect(encoder.needsMagnitude == (number != nil))
      }
    }
  }

  @Test(arguments: GroupRoundingCase.all) func runsOfRowsAreAsTheWhole(rounding: GroupRoundingCase) throws {
    let values = try Self.file.get().floats("in/bf16")
    let encoder = rounding.make(.bf16, .best)
    let whole = encoder.encoded(values, columns: Self.columns)
    var parts = EncodedGroups()
    // What is in the way is replaced.
    var part = encoder.encoded(values, columns: Self.columns)
    let run = max(encoder.extent.rows, 5) / max(encoder.extent.rows, 1) * max(encoder.extent.rows, 1) * Self.columns
    for start in stride(from: 0, to: values.count, by: run) {
      let rows = Array(values[start..<min(start + run, values.count)])
      encoder.encode(rows.span, columns: Self.columns, magnitude: values.magnitude, into: &part)
      parts.codes += part.codes
      parts.scales += part.scales
      parts.offsets += part.offsets
    }
    #expect(parts.codes == whole.codes)
    if encoder.extent.rows == 0 {
      #expect(Set(parts.scales) == Set(whole.scales) && whole.scales.count == 1)
    } else {
      #expect(parts.scales == whole.scales && parts.offsets == whole.offsets)
    }
  }

  /// A weight that is read as F32 is as one of the type that it is to have. (Two libraries take every weight as F16.)
  @Test(
    arguments: GroupRoundingCase.all.filter { !$0.key.hasPrefix("autoawq") && !$0.key.hasPrefix("bitsandbytes") })
  func valuesAreRoundedFirst(rounding: GroupRoundingCase) throws {
    let file = try Self.file.get()
    for element in ElementRounding.allCases {
      let encoder = rounding.make(element, .best)
      let (plain, rounded) = (try file.floats("in/f32"), try file.floats("in/\(element)"))
      let (ours, expected) = (
        encoder.encoded(plain, columns: Self.columns), encoder.encoded(rounded, columns: Self.columns)
      )
      #expect(ours.codes == expected.codes)
      #expect(ours.scales == expected.scales && ours.offsets == expected.offsets)
    }
  }

  @Test(arguments: GroupRoundingCase.all) func noRows(rounding: GroupRoundingCase) {
    let groups = rounding.make(.f32, .best).encoded([], columns: Self.columns)
    #expect(groups.codes.isEmpty && groups.scales.isEmpty && groups.offsets.isEmpty)
  }

  /// What levels and offset say of codes gives the values again, to half a step, or where a format cuts off, one.
  @Test(arguments: GroupRoundingCase.all.filter { $0.make(.f32, .best).extent.rows == 1 }, ElementRounding.allCases)
  func decodedIsNear(rounding: GroupRoundingCase, element: ElementRounding) throws {
    let values = Array(try Self.file.get().floats("in/\(element)").suffix(Self.columns))
    let encoder = rounding.make(element, .best)
    let groups = encoder.encoded(values, columns: Self.columns)
    // What is stored beside the scales, or implied.
    let global = (encoder as? NVFP4Rounding)?.globalScale(magnitude: values.magnitude) ?? 1
    let number = encoder is LLMInt8Rounding ? 1 / 127 : rounding.key == "compressed-tensors/nvfp4" ? 1 / global : global
    let scales = groups.scales.map { $0 * number }
    var decoded = [Float](repeating: .nan, count: values.count)
    let group = encoder.extent.columns == 0 ? Self.columns : encoder.extent.columns
    groups.codes.withBytes { codes in
      var span = decoded.mutableSpan
      KernelSet.best.decodeGroups(
        codes, columns: Self.columns, from: 0, group: group, encoder.levels, scales: scales.span,
        offsets: groups.offsets.span, encoder.offset, into: &span)
    }
    let largestError: Float = encoder.levels == .e4m3 ? 32 : 1
    for (index, value) in values.enumerated() {
      let scale = scales[index / group].magnitude
      #expect((decoded[index] - value).magnitude <= 1.01 * largestError * scale, "column \(index)")
    }
  }

  /// Whatever is finite gets codes that there are.
  @Test(arguments: GroupRoundingCase.all, ElementRounding.allCases)
  func extremes(rounding: GroupRoundingCase, element: ElementRounding) {
    var random = SeededGenerator(seed: 4)
    let sizes: [Float] = [
      .greatestFiniteMagnitude, .leastNonzeroMagnitude, .leastNormalMagnitude, 65504, 6e-8, 1e-30, 1e30, 0, -0.0,
    ]
    let values = random.normals(sizes.count * Self.columns).enumerated().map { index, value in
      (min(max(value, -1), 1) * sizes[index / Self.columns])
    }
    for kernels in KernelSet.all {
      let encoder = rounding.make(element, kernels)
      let groups = encoder.encoded(values, columns: Self.columns)
      #expect(groups.codes.allSatisfy { Int($0) < 1 << encoder.levels.bits })
      if encoder.levels == .e4m3 { #expect(groups.codes.allSatisfy { $0 & 0x7f != 0x7f }) }
      #expect(groups.codes == rounding.make(element, .best).encoded(values, columns: Self.columns).codes)
    }
  }

  /// The rule of gpt-oss, which asks for a package of GPUs, as its words say.
  @Test(arguments: KernelSet.all) func openAI(kernels: KernelSet) throws {
    let values = try Self.file.get().floats("in/bf16")
    let rounding = PowerRounding(levels: .e2m1, rule: .openAI, element: .bf16, kernels: kernels)
    let groups = rounding.encoded(values, columns: Self.columns)
    let levels: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    for group in groups.scales.indices {
      let block = values[group * 32..<(group + 1) * 32]
      let magnitude = Array(block).magnitude
      let scale = groups.scales[group]
      if magnitude == 0 {
        #expect(scale == 0x1p-127)
      } else {
        #expect(scale.significand == 1 && magnitude <= 6 * scale && magnitude > 3 * scale)
      }
      for (value, code) in zip(block, groups.codes[group * 32..<(group + 1) * 32]) {
        let distances = levels.map { ($0 - value.magnitude / scale).magnitude }
        let nearest = distances.indices.filter { distances[$0] == distances.min() }
        // Of two that are as near, the even one.
        let expected = nearest.first { nearest.count == 1 || $0 % 2 == 0 }
        #expect(Int(code & 7) == expected && (code & 8 != 0) == (value.sign == .minus))
      }
    }
  }
}

extension GroupRounding {
  func encoded(_ values: [Float], columns: Int) -> EncodedGroups {
    var groups = EncodedGroups()
    encode(values.span, columns: columns, magnitude: values.magnitude, into: &groups)
    return groups
  }
}

extension [Float] {
  /// The largest of all.
  var magnitude: Float { reduce(0) { Swift.max($0, $1.magnitude) } }
}
