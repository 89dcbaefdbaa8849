internal import Bytes
internal import Quantization
internal import Tensors

/// A weight of blocks that run over row ends: a stored tensor of codes under its own name, and one of scales.
final class BlockwiseWeight: LaidOutWeight {
  enum Scales: Sendable {
    /// A stored tensor of F32.
    case plain(String)
    /// Quantized themselves: 8-bit codes and one F32 for every block of codes.
    case doubleQuantized(DoubleQuantizedScales)
  }

  let name: String
  let shape: [Int]
  let storedNames: [String]
  let originalEncoding: Encoding?
  let source: any TensorSource
  private let codec: BlockwiseCodec
  private let scales: Scales

  init(
    name: String, shape: [Int], codec: BlockwiseCodec, scales: Scales, storedNames: [String],
    originalEncoding: Encoding?, source: any TensorSource
  ) {
    self.name = name
    self.shape = shape
    self.codec = codec
    self.scales = scales
    self.storedNames = storedNames
    self.originalEncoding = originalEncoding
    self.source = source
  }

  var layout: any WeightLayout { BlockwiseLayout() }
  var type: TargetType? { TargetType(codec: codec, isDoubleQuantized: isDoubleQuantized) }
  var typeName: String { codec.name + (isDoubleQuantized ? "+dq" : "") }
  var isQuantized: Bool { true }

  private var isDoubleQuantized: Bool { if case .doubleQuantized = scales { true } else { false } }

  func read(
    elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    try read(elements, byBlocksOf: codec.blockSize, into: &values) { run, values throws(FileError) in
      let codeBytes = codec.byteCount(plane: 0, elements: run.count)
      let byteCount = codec.byteCount(elements: run.count)
      if scratch.count < byteCount { scratch = [UInt8](repeating: 0, count: byteCount) }
      try scratch.withMutableBytes(in: 0..<codeBytes) { bytes throws(FileError) in
        try source.read(name, at: codec.byteCount(plane: 0, elements: run.lowerBound), into: &bytes)
      }
      switch scales {
      case .plain(let scales):
        try scratch.withMutableBytes(in: codeBytes..<byteCount) { bytes throws(FileError) in
          try source.read(scales, at: codec.byteCount(plane: 1, elements: run.lowerBound), into: &bytes)
        }
      case .doubleQuantized(let scales):
        try scales.read(
          blocks: run.lowerBound / codec.blockSize, into: &scratch, at: codeBytes, count: byteCount - codeBytes,
          from: source)
      }
      scratch.withBytes(in: 0..<byteCount) { codec.decode($0, into: &values) }
    }
  }
}
