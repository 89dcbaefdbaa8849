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

  @Test(arguments: KernelSet.all, [(1, 7), (7, 1), (16, 16), (37, 50)])
  func theOtherWayRound(kernels: KernelSet, size: (rows: Int, columns: Int)) {
    let codes = Self.codes(size.rows * size.columns, bits: 8)
    let turned = kernels.transposed(codes, rows: size.rows, columns: size.columns)
    for row in 0..<size.rows {
      for column in 0..<size.columns {
        #expect(turned[column * size.rows + row] == codes[row * size.columns + column])
      }
    }
    #expect(kernels.transposed(codes.map(Float.init), rows: size.rows, columns: size.columns) == turned.map(Float.init))
  }

  @Test(arguments: KernelSet.all) func codesAndWordsMove(kernels: KernelSet) {
    var codes = Self.codes(67, bits: 8)
    let moved = codes.map { $0 &+ 250 }
    kernels.add(250, to: &codes)
    #expect(codes == moved)
    // A carry goes from byte to byte, not from word to word, and what is no whole word stays.
    var words: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0, 0, 9]
    kernels.add(0x0000_0001 as UInt32, toWordsOf: &words)
    #expect(words == [0, 0, 0, 0, 0xff, 0xff, 0, 0, 9])
  }

  /// In any place of a vector, and after the last whole one.
  @Test(arguments: KernelSet.all, [0, 1, 15, 16, 40, 1024, 1030]) func whatIsTheSame(kernels: KernelSet, place: Int) {
    var codes = [UInt8](repeating: 7, count: 1031)
    #expect(kernels.isUniform(codes) && kernels.isUniform([]) && kernels.isUniform([3]))
    codes[place] = 6
    #expect(!kernels.isUniform(codes))

    func areEqual(_ one: [Float], _ other: [Float]) -> Bool { kernels.areEqual(one.span, other.span) }
    let values = (0..<1031).map { Float($0) / 8 }
    #expect(areEqual(values, values))
    for (value, other, isEqual) in [
      (1, 1.0000001, false), (0, -0, true), (.nan, .nan, false), (.infinity, .infinity, true),
    ]
      as [(Float, Float, Bool)]
    {
      var (one, two) = (values, values)
      (one[place], two[place]) = (value, other)
      #expect(areEqual(one, two) == isEqual)
    }
    #expect(!areEqual(values, values.dropLast()))
  }

  @Test(arguments: KernelSet.all, [2, 3, 4, 8]) func zerosBecomeCodes(kernels: KernelSet, bits: Int) {
    let most = 1 << bits - 1
    let zeros = (0..<67).map { Float($0 % (most + 1)) }
    #expect(
      kernels.codes(ofZeros: zeros, bits: bits, addend: -1) == zeros.map { UInt8((Int($0) + most) & most) })
    for lost in [-1, 0.5, Float(most + 1), .nan, .infinity, 1e20] {
      #expect(kernels.codes(ofZeros: zeros + [lost], bits: bits, addend: 0) == nil)
      #expect(kernels.codes(ofZeros: [lost] + zeros, bits: bits, addend: 0) == nil)
    }
  }

  /// `scale * code + bias` and `scale * (code - zero)` are the same where `bias == -scale * zero`.
  @Test(arguments: KernelSet.all) func zerosAndBiases(kernels: KernelSet) {
    var groups = EncodedGroups()
    let zeros = (0..<37).map { Float($0 % 16) }
    groups.scales = zeros.indices.map { Float($0 + 1) / 256 }
    groups.offsets = zeros
    #expect(kernels.makeBiases(ofZerosOf: &groups, shift: 2, bits: 4))
    #expect(groups.offsets == zip(zeros, groups.scales).map { -($0 + 2) * $1 })
    #expect(kernels.makeZeros(ofBiasesOf: &groups, bits: 4))
    #expect(groups.offsets == zeros.map { $0 + 2 })
  }

  /// Of the last of some groups, so that a vector's other lanes are right.
  @Test(
    arguments: KernelSet.all,
    [
      (0.5, 0.25, false),  // No whole code is zero.
      (0, 1, false),  // All values are 1.
      (0, 0, true),
      (1 + 0x1p-22, -8 * (1 + 0x1p-22), false),  // A product with a code is longer than a Float.
      (.infinity, 0, false),
      (.nan, 0, false),
    ] as [(Float, Float, Bool)]
  ) func zerosThatThereAreNot(kernels: KernelSet, group: (scale: Float, bias: Float, isKept: Bool)) {
    var groups = EncodedGroups()
    groups.scales = Array(repeating: 0.5, count: 20) + [group.scale]
    groups.offsets = Array(repeating: -4, count: 20) + [group.bias]
    #expect(kernels.makeZeros(ofBiasesOf: &groups, bits: 4) == group.isKept)
  }

  @Test(
    arguments: KernelSet.all,
    [
      (0x1.fffffep10, 15, false),  // The bias would be rounded.
      (1e30, 8, false),  // A sum could be infinite.
      (0.25, 15, true),
    ] as [(Float, Float, Bool)]
  ) func biasesThatThereAreNot(kernels: KernelSet, group: (scale: Float, zero: Float, isKept: Bool)) {
    var groups = EncodedGroups()
    groups.scales = Array(repeating: 0.5, count: 20) + [group.scale]
    groups.offsets = Array(repeating: 8, count: 20) + [group.zero]
    #expect(kernels.makeBiases(ofZerosOf: &groups, shift: 0, bits: 4) == group.isKept)
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
