internal import Bytes
internal import FuzzSupport
internal import Quantization

extension MemoryTargets {
  /// The first two bytes choose a codec and its block size, the others are its planes. Every set of kernels must decode
  /// to what the definition says.
  static let decoders = FuzzTarget("decoders", seeds: ["Tests/Fuzz/Seeds/codecs"]) { bytes in
    guard bytes.count > 2 else { return }
    let rest = bytes.dropFirst(2)
    let codec = chosenCodec(bytes, .best)
    let elements = mostElements(codec, byteCount: rest.count)
    let planes = Array(rest.prefix(codec.byteCount(elements: elements)))
    let expected = codec.referenceDecode(planes, elements: elements)
    for kernels in KernelSet.all {
      var values = [Float](repeating: 0, count: elements)
      planes.withBytes { raw in
        var span = values.mutableSpan
        chosenCodec(bytes, kernels).decode(raw, into: &span)
      }
      for (value, expected) in zip(values, expected) where value.bitPattern != expected.bitPattern {
        try FuzzFinding.unless(
          value.isNaN && expected.isNaN, "\(codec.name) with \(kernels) decodes to \(value), not \(expected)")
      }
    }
  }

  /// The first two bytes choose a codec and its block size, the others are numbers to encode. All sets of kernels must
  /// refuse them alike, or give the same bytes, which the decoder takes.
  static let encoders = FuzzTarget("encoders", seeds: ["Tests/Fuzz/Seeds/codecs"]) { bytes in
    guard bytes.count > 2 else { return }
    let name = chosenCodec(bytes, .best).name
    guard chosenCodec(bytes, .best).canEncode else { return }
    let block = chosenCodec(bytes, .best).blocksCrossRows ? 1 : chosenCodec(bytes, .best).elementsPerBlock
    let count = bytes.dropFirst(2).count / 4 / block * block
    let values = Array(bytes.dropFirst(2).prefix(4 * count)).withBytes { [Float](bytes: $0) }
    let results = KernelSet.all.map { encoding(values, chosenCodec(bytes, $0)) }
    for (kernels, result) in zip(KernelSet.all, results) where result != results[0] {
      throw FuzzFinding("\(name) with \(kernels) does not encode as \(KernelSet.all[0]) does")
    }
    guard case .success(let encoded) = results[0] else { return }
    var decoded = [Float](repeating: 0, count: count)
    encoded.withBytes { raw in
      var span = decoded.mutableSpan
      chosenCodec(bytes, .best).decode(raw, into: &span)
    }
    try FuzzFinding.unless(decoded.allSatisfy(\.isFinite), "\(name) decodes its own bytes to what is not finite")
  }

  private static func chosenCodec(_ bytes: [UInt8], _ kernels: KernelSet) -> any ReferencedCodec {
    let entry = Catalog.entries[Int(bytes[0]) % Catalog.entries.count]
    let blockSize = BlockwiseCodec.blockSizes[Int(bytes[1]) % BlockwiseCodec.blockSizes.count]
    return entry.codec(blockSize: blockSize, kernels: kernels)
  }

  private static func encoding(_ values: [Float], _ codec: any ReferencedCodec) -> Result<[UInt8], CodecError> {
    var bytes = [UInt8](repeating: 0, count: codec.byteCount(elements: values.count))
    do throws(CodecError) {
      try bytes.withMutableBytes { raw throws(CodecError) in try codec.encode(values.span, into: &raw) }
      return .success(bytes)
    } catch {
      return .failure(error)
    }
  }

  /// The most elements that take no more bytes; whole blocks where a codec wants them.
  private static func mostElements(_ codec: any ReferencedCodec, byteCount: Int) -> Int {
    let step = codec.blocksCrossRows ? 1 : codec.elementsPerBlock
    var (low, high) = (0, 8 * byteCount / step + 1)
    while high - low > 1 {
      let middle = (low + high) / 2
      if codec.byteCount(elements: middle * step) <= byteCount { low = middle } else { high = middle }
    }
    return low * step
  }
}
