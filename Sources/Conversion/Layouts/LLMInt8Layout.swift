internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// bitsandbytes' LLM.int8: `P.weight` in I8 with a row absmax `P.SCB`.
struct LLMInt8Layout: WeightLayout {
  var name: String { "bitsandbytes" }
  var settings: Set<String>? { BlockwiseLayout.known }
  var parts: [(ending: String, whole: String)] { [(".SCB", "weight of type i8")] }

  func weights(in source: any TensorSource, config: JSONValue?) throws(FileError) -> [FoundWeight] {
    var result: [FoundWeight] = []
    for scales in source.tensors where scales.name.hasSuffix(".SCB") {
      let module = String(scales.name.dropLast(".SCB".count))
      let name = module + ".weight"
      guard let codes = source.descriptor(of: name), codes.encoding == .i8, codes.shape.count == 2 else { continue }
      guard codes.elementCount > 0 else {
        throw LayoutRule.parts.broken(
          .mismatch, path: source.name, subject: name, "has shape \(codes.shape), but an empty weight has no codes")
      }
      guard scales.encoding == .f32, scales.elementCount == codes.shape[0] else {
        throw LayoutRule.stateParts.broken(
          .mismatch, path: source.name, subject: scales.name,
          "should hold one f32 for each of the \(codes.shape[0]) rows of \(name)")
      }
      var stored = [name, scales.name]
      let formatName = module + ".weight_format"
      if let format = source.descriptor(of: formatName) {
        guard format.byteCount == 1, try source.bytes(of: formatName) == [0] else {
          throw FileError(
            .unsupported, path: source.name, subject: formatName,
            "the rows are stored in an order for one kind of GPU; only format 0, plain rows, is read")
        }
        stored.append(formatName)
      }
      result.append(
        FoundWeight(
          place: name, weight: LLMInt8Weight(codes, scales: scales.name, storedNames: stored, source: source)))
    }
    return result
  }

  func reader(of type: TargetType?) -> String { "LLM.int8" }
}

/// Rows of signed bytes with one scale each: `value = code * absmax * (1 / 127)`, each step
/// rounded. Source: bitsandbytes' `int8_vectorwise_dequant`.
final class LLMInt8Weight: LaidOutWeight {
  let name: String
  let shape: [Int]
  let storedNames: [String]
  let source: any TensorSource
  /// The stored tensor of the scales.
  private let scales: String

  init(_ codes: TensorDescriptor, scales: String, storedNames: [String], source: any TensorSource) {
    name = codes.name
    shape = codes.shape
    self.scales = scales
    self.storedNames = storedNames
    self.source = source
  }

  var layout: any WeightLayout { LLMInt8Layout() }
  var type: TargetType? { LLMInt8Layout().types.first.map { TargetType(groups: $0) } }
  var typeName: String { "llm_int8" }
  var isQuantized: Bool { true }
  var originalEncoding: Encoding? { .f16 }

  func read(
    elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    var start = 0
    for part in RowPart.parts(of: elements, width: columns) {
      let (codes, scaleBytes) = (part.count, part.rows.count * 4)
      if scratch.count < codes + scaleBytes { scratch = [UInt8](repeating: 0, count: codes + scaleBytes) }
      try scratch.withMutableBytes(in: 0..<codes) { bytes throws(FileError) in
        try source.read(name, at: part.elements(width: columns).lowerBound, into: &bytes)
      }
      try scratch.withMutableBytes(in: codes..<codes + scaleBytes) { bytes throws(FileError) in
        try source.read(scales, at: part.rows.lowerBound * 4, into: &bytes)
      }
      let rowScales = scratch.withBytes(in: codes..<codes + scaleBytes) { [Float](bytes: $0) }
      for (row, scale) in rowScales.enumerated() {
        for index in row * part.columns.count..<(row + 1) * part.columns.count {
          values[start + index] = Float(Int8(bitPattern: scratch[index])) * scale * (1 / 127)
        }
      }
      start += part.count
    }
  }
}
