internal import Bytes
internal import Quantization
internal import Tensors

/// A stack of matrices in MXFP4 whose codes and exponents are two stored tensors.
final class MXFP4Weight: LaidOutWeight {
  let name: String
  let shape: [Int]
  let storedNames: [String]
  let source: any TensorSource
  /// The same with a byte a code.
  private let groups: GroupedWeight

  init(_ name: String, blocks: TensorDescriptor, scales: String, source: any TensorSource) {
    self.name = name
    shape = blocks.shape.dropLast(2) + [blocks.shape[2] * MXFP4Planes.elements]
    storedNames = [blocks.name, scales]
    self.source = source
    let columns = shape[shape.count - 1]
    let rows = shape.dropLast().reduce(1, *)
    groups = GroupedWeight(
      name: name, shape: shape, layout: MXFP4Layout(), typeName: Encoding.mxfp4.name, storedNames: storedNames,
      originalEncoding: .bf16, codes: RowCodes(name: blocks.name, bits: 4, columns: columns, rowBytes: columns / 2),
      groups: GroupedWeight.Groups(
        levels: .e2m1, columns: MXFP4Planes.elements,
        scales: StoredNumbers(name: scales, format: .exponent, rows: rows, groups: columns / MXFP4Planes.elements)),
      source: source)
  }

  var layout: any WeightLayout { MXFP4Layout() }
  var type: TargetType? { nil }
  var typeName: String { Encoding.mxfp4.name }
  var isQuantized: Bool { true }
  // What transformers computes with.
  var originalEncoding: Encoding? { .bf16 }
  var copiedEncoding: Encoding? { .mxfp4 }

  func read(
    elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    try groups.read(elements: elements, into: &values, scratch: &scratch)
  }

  func readEncoded(fromElement element: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    let planes = MXFP4Planes()
    let count = bytes.byteCount / MXFP4Planes.blockBytes
    var stored = [UInt8](repeating: 0, count: bytes.byteCount)
    var start = 0
    for plane in 0..<planes.planeCount {
      let size = planes.byteCount(plane: plane, elements: count * MXFP4Planes.elements)
      try stored.withMutableBytes(in: start..<start + size) { part throws(FileError) in
        try source.read(storedNames[plane], at: planes.byteCount(plane: plane, elements: element), into: &part)
      }
      start += size
    }
    stored.withBytes { planes.join($0, into: &bytes) }
  }
}
