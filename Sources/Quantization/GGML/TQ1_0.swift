public import Tensors

extension Encoding {
  /// 256 elements: codes[52], five in a byte and in the last four bytes four, scale F16.
  public static let tq1_0 = Encoding(name: "tq1_0", elementsPerBlock: 256, bytesPerBlock: 54)
}

/// `tq1_0`: ternary, five codes in a byte. `value = scale * (code - 1)`, the scale being the largest magnitude.
///
/// The codes of a byte are digits of a number in base 3. What is stored is that number as a part of 3^5 in units of
/// 1/256, rounded up: multiplied by 3 again and again, it gives digit after digit above the byte. The first 32 bytes
/// hold elements 32 apart, the next 16 bytes elements 16 apart, the last four bytes four elements each, 4 apart.
/// Source: ggml `quantize_row_tq1_0_ref`.
public struct TQ1_0: BlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .tq1_0 }

  /// Bytes whose codes are as many elements apart as there are bytes.
  private struct Run {
    let byte: Int
    let element: Int
    let count: Int
    let digits: Int
  }

  private static let runs = [
    Run(byte: 0, element: 0, count: 32, digits: 5),
    Run(byte: 32, element: 160, count: 16, digits: 5),
    Run(byte: 48, element: 240, count: 4, digits: 4),
  ]

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    let (scale, codes) = Ternary.codes(of: values)
    return try Self.packed(codes) + GGMLBlock.half(scale)
  }

  private static func packed(_ codes: [Int]) -> [UInt8] {
    var bytes: [UInt8] = []
    for run in runs {
      for index in 0..<run.count {
        let number = (0..<5).reduce(0) { number, digit in
          3 * number + (digit < run.digits ? codes[run.element + index + digit * run.count] : 0)
        }
        bytes.append(UInt8((256 * number + 242) / 243))
      }
    }
    return bytes
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[52...])
    var values = [Float](repeating: 0, count: Ternary.elements)
    for run in Self.runs {
      for index in 0..<run.count {
        var rest = Int(bytes[run.byte + index])
        for digit in 0..<run.digits {
          rest *= 3
          values[run.element + index + digit * run.count] = Ternary.value(of: rest >> 8, scale: scale)
          rest &= 255
        }
      }
    }
    return values
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeTQ1_0(values, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeTQ1_0(bytes, into: &values)
  }
}

extension TQ1_0: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .scaled([-1, 0, 1], rounding: .f16, block: 256, reference: 1)
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    try Self.packed(block.codes) + GGMLBlock.half(block.scales[0])
  }
}
