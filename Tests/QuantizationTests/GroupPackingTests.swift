import Bytes
import Quantization
import TestSupport
import Testing

/// Codes of a byte each into and out of the ways they are packed.
@Suite struct GroupPackingTests {
  private static func codes(_ count: Int, bits: Int) -> [UInt8] {
    var random = SeededGenerator(seed: UInt64(bits))
    return (0..<count).map { _ in UInt8.random(in: 0...(0xff >> UInt8(8 - bits)), using: &random) }
  }

  @Test(arguments: KernelSet.all) func stream(kernels: KernelSet) {
    var bytes = [UInt8](repeating: 0xA5, count: 2)
    [UInt8]([1, 2, 3, 4, 5]).withBytes { codes in
      bytes.withMutableBytes { kernels.pack(codes, bits: 3, into: &$0) }
    }
    // 1 + 2 * 8 + (3 & 3) * 64, then 3 >> 2 + 4 * 2 + 5 * 16.
    #expect(bytes == [0b11_010_001, 0b0_101_100_0])
  }

  @Test(arguments: KernelSet.all, [0, 1, 7, 8, 9, 32, 131]) func streamsComeBack(kernels: KernelSet, count: Int) {
    for bits in 1...8 {
      let codes = Self.codes(count, bits: bits)
      var bytes = [UInt8](repeating: 0xA5, count: (count * bits + 7) / 8)
      codes.withBytes { codes in bytes.withMutableBytes { kernels.pack(codes, bits: bits, into: &$0) } }
      var back = [UInt8](repeating: 0xA5, count: count)
      bytes.withBytes { bytes in back.withMutableBytes { kernels.unpack(bytes, bits: bits, count: count, into: &$0) } }
      #expect(back == codes, "\(bits) bits")
    }
  }

  @Test(arguments: KernelSet.all) func columns(kernels: KernelSet) {
    // Two columns of 32 codes, of a stride of 40.
    var codes = [UInt8](repeating: 0, count: 80)
    codes[0] = 15
    codes[9] = 3
    codes[40 + 31] = 7
    var words = [UInt8](repeating: 0xA5, count: 4 * 2 * 4)
    codes.withBytes { codes in
      words.withMutableBytes { kernels.packColumns(codes, stride: 40, columns: 2, bits: 4, into: &$0) }
    }
    var expected = [UInt8](repeating: 0, count: 32)
    expected[0] = 15
    expected[8] = 3 << 4
    expected[4 * 7 + 3] = 7 << 4
    #expect(words == expected)
  }

  @Test(arguments: KernelSet.all, [2, 3, 4, 5, 8]) func columnsComeBack(kernels: KernelSet, bits: Int) {
    let (rows, columns) = (64, 5)
    let codes = Self.codes(rows * columns, bits: bits)
    var words = [UInt8](repeating: 0xA5, count: rows / 32 * bits * columns * 4)
    codes.withBytes { codes in
      words.withMutableBytes { kernels.packColumns(codes, stride: rows, columns: columns, bits: bits, into: &$0) }
    }
    var back = [UInt8](repeating: 0xA5, count: codes.count)
    words.withBytes { words in
      back.withMutableBytes { kernels.unpackColumns(words, columns: columns, bits: bits, into: &$0, stride: rows) }
    }
    #expect(back == codes)
  }

  @Test(arguments: KernelSet.all) func wordRows(kernels: KernelSet) {
    let order: [UInt8] = [0, 2, 4, 6, 1, 3, 5, 7]
    let codes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    var words = [UInt8](repeating: 0xA5, count: 4)
    codes.withBytes { codes in words.withMutableBytes { kernels.packWordRows(codes, rows: 1, order: order, into: &$0) }
    }
    #expect(words == [0x31, 0x75, 0x42, 0x86])

    let many = Self.codes(3 * 24, bits: 4)
    words = [UInt8](repeating: 0xA5, count: 3 * 3 * 4)
    many.withBytes { codes in words.withMutableBytes { kernels.packWordRows(codes, rows: 3, order: order, into: &$0) } }
    var back = [UInt8](repeating: 0xA5, count: many.count)
    words.withBytes { words in
      back.withMutableBytes { kernels.unpackWordRows(words, rows: 3, order: order, into: &$0) }
    }
    #expect(back == many)
  }
}
