internal import Bytes

/// Blocks of a chosen size, each with its largest magnitude (absmax) as an F32 scale, and codes of 4 or 8 bits:
/// `value = code.values[c] * absmax`.
///
/// Plane 0 holds the codes, of two 4-bit ones the first in the high half; plane 1 the absmax values. Blocks run over
/// the flattened tensor, and its last one may be partial. NF4 and FP4 give the bytes of bitsandbytes 0.50 on a CPU.
public struct BlockwiseCodec: ReferencedCodec {
  public let code: BlockwiseCode
  /// Elements that share an absmax.
  public let blockSize: Int
  private let kernels: KernelSet

  /// The block sizes that bitsandbytes knows.
  public static let blockSizes = [32, 64, 128, 256, 512, 1024, 2048, 4096]
  public static let defaultBlockSize = 64

  /// - Precondition: `blockSize` is one of `blockSizes`.
  public init(_ code: BlockwiseCode, blockSize: Int = defaultBlockSize, kernels: KernelSet = .best) {
    precondition(Self.blockSizes.contains(blockSize), "no block size of \(blockSize)")
    self.code = code
    self.blockSize = blockSize
    self.kernels = kernels
  }

  /// `nf4`, or `nf4/128` where the block size is not the default one.
  public var name: String { blockSize == Self.defaultBlockSize ? code.name : "\(code.name)/\(blockSize)" }
  public var elementsPerBlock: Int { blockSize }
  public var blocksCrossRows: Bool { true }
  public var planeCount: Int { 2 }

  public func byteCount(plane: Int, elements: Int) -> Int {
    plane == 0 ? (elements * code.bits).dividedRoundingUp(by: 8) : 4 * elements.dividedRoundingUp(by: blockSize)
  }

  public func encode(_ values: Span<Float>, into bytes: inout MutableRawSpan) throws(CodecError) {
    precondition(bytes.byteCount == byteCount(elements: values.count), "the bytes are not those of the values")
    let scalesOffset = byteCount(plane: 0, elements: values.count)
    let done: Int
    switch code.rounding {
    case .nearest(let order, let midpoints):
      done = kernels.encode16(
        values, blockSize: blockSize, thresholds: midpoints,
        steps: zip(order, order.dropFirst()).map { Int32($1 - $0) }, first: Int32(order[0]),
        into: &bytes, scalesOffset: scalesOffset)
    case .integer where code.bits == 4:
      done = kernels.encodeInt4(values, blockSize: blockSize, into: &bytes, scalesOffset: scalesOffset)
    case .integer:
      done = kernels.encodeInt8(values, blockSize: blockSize, into: &bytes, scalesOffset: scalesOffset)
    }
    if done < values.count.dividedRoundingUp(by: blockSize) {
      var index = done * blockSize
      while index < values.count - 1, values[index].isFinite { index += 1 }
      throw .notFinite(index: index)
    }
  }

  public func decode(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    precondition(bytes.byteCount == byteCount(elements: values.count), "the bytes are not those of the values")
    kernels.decode(
      bytes, scalesOffset: byteCount(plane: 0, elements: values.count), blockSize: blockSize, table: code.values,
      into: &values)
  }

  public func referenceEncode(_ values: [Float]) throws(CodecError) -> [UInt8] {
    if let index = values.firstIndex(where: { !$0.isFinite }) { throw .notFinite(index: index) }
    var codes: [Int] = []
    var scales: [UInt8] = []
    for start in stride(from: 0, to: values.count, by: blockSize) {
      let block = values[start..<min(start + blockSize, values.count)]
      let isPartial = block.count < blockSize
      var absmax = block.map(\.magnitude).max() ?? 0
      codes += block.map { code.code(of: $0, absmax: absmax, isPartialBlock: isPartial) }
      // bitsandbytes stores the guarded value in a last, partial block.
      if isPartial, case .nearest = code.rounding { absmax = max(absmax, 1e-38) }
      scales += absmax.bitPattern.littleEndianBytes
    }
    return packed(codes) + scales
  }

  public func referenceDecode(_ bytes: [UInt8], elements: Int) -> [Float] {
    let scalesOffset = byteCount(plane: 0, elements: elements)
    return (0..<elements).map { index in
      let value =
        if code.bits == 8 {
          Int(bytes[index])
        } else {
          index % 2 == 0 ? Int(bytes[index / 2] >> 4) : Int(bytes[index / 2] & 15)
        }
      let scale = bytes[(scalesOffset + 4 * (index / blockSize))...].prefix(4)
      return code.values[value] * Float(bitPattern: UInt32(littleEndian: scale))
    }
  }

  private func packed(_ codes: [Int]) -> [UInt8] {
    guard code.bits == 4 else { return codes.map { UInt8($0) } }
    return stride(from: 0, to: codes.count, by: 2).map { index in
      UInt8(codes[index] << 4 | (index + 1 < codes.count ? codes[index + 1] : code.zeroCode))
    }
  }
}

extension BlockwiseCodec: ScalarCodec {
  public var grid: ScalarGrid {
    .scaled(code.levels.map { code.values[$0] }, rounding: .f32, block: blockSize, reference: 1)
  }

  public func pack(_ rows: CodedRows, into bytes: inout MutableRawSpan) throws(CodecError) {
    precondition(
      bytes.byteCount == byteCount(elements: rows.rows * rows.columns), "the bytes are not those of the rows")
    let order = code.levels
    if code.bits == 8 {
      for (place, level) in rows.codes.enumerated() {
        bytes.storeBytes(of: UInt8(order[Int(level)]), toByteOffset: place, as: UInt8.self)
      }
    } else {
      for place in stride(from: 0, to: rows.codes.count, by: 2) {
        let byte = UInt8(order[Int(rows.codes[place])] << 4 | order[Int(rows.codes[place + 1])])
        bytes.storeBytes(of: byte, toByteOffset: place / 2, as: UInt8.self)
      }
    }
    let scales = byteCount(plane: 0, elements: rows.codes.count)
    for (block, scale) in rows.scales.enumerated() {
      bytes.storeBytes(of: scale.bitPattern.littleEndian, toByteOffset: scales + 4 * block, as: UInt32.self)
    }
  }
}
