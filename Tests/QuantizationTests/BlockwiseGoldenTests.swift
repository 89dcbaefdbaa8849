import Quantization
import TestSupport
import Testing

/// Bytes as bitsandbytes gives them on a CPU.
@Suite struct BlockwiseGoldenTests {
  static let codes = [BlockwiseCode.nf4, .fp4]

  @Test(arguments: codes) func tables(code: BlockwiseCode) throws {
    let file = try GoldenFile(path: Golden.folder + "bitsandbytes.safetensors")
    #expect(try file.floats("\(code.name)_code").bitPatterns == code.values.map { $0 + 0 }.bitPatterns)
    #expect(try file.floats("dynamic_map").bitPatterns == DoubleQuantization.map.bitPatterns)
  }

  @Test(arguments: codes, KernelSet.all) func committed(code: BlockwiseCode, kernels: KernelSet) throws {
    let file = try GoldenFile(path: Golden.folder + "bitsandbytes.safetensors")
    var compared = 0
    for input in ["odd_3x2829", "special"] {
      for size in BlockwiseCodec.blockSizes {
        let key = "\(code.name)/\(input)/bs\(size)/"
        try check(
          code, size, kernels, values: file.floats("in/" + input), packed: file.bytes(key + "packed"),
          absmax: file.floats(key + "absmax"))
        try checkNested(file, plain: key, nested: key)
        compared += 1
      }
      let codec = BlockwiseCodec(code, kernels: kernels)
      let values = try file.floats("in/" + input)
      let bytes = try codec.encoded(values)
      #expect(
        codec.decoded(bytes, elements: values.count).bitPatterns
          == (try file.floats("\(code.name)/\(input)/bs64/deq")).bitPatterns)
    }
    #expect(compared == 16)
  }

  @Test(.enabled(if: Golden.shared != nil, Golden.noShared), arguments: codes, KernelSet.all)
  func fullSize(code: BlockwiseCode, kernels: KernelSet) throws {
    let file = try GoldenFile(path: (Golden.shared ?? "") + "bnb_golden.safetensors")
    var (compared, narrow) = (0, 0)
    for input in ["gauss_64x256", "odd_7x333"] {
      for size in BlockwiseCodec.blockSizes where file.contains("\(code.name)/\(input)/float32/bs\(size)/plain/packed")
      {
        let key = "\(code.name)/\(input)/float32/bs\(size)/"
        let values = try file.floats("in/" + input)
        try check(
          code, size, kernels, values: values, packed: file.bytes(key + "plain/packed"),
          absmax: file.floats(key + "plain/absmax"))
        try checkNested(file, plain: key + "plain/", nested: key + "nested/")
        // The weights in the narrower types, as a checkpoint has them.
        for (type, codec) in [("float16", Float16Codec() as any Codec), ("bfloat16", BFloat16Codec())] {
          let key = "\(code.name)/\(input)/\(type)/bs\(size)/"
          guard file.contains(key + "plain/packed") else { continue }
          let rounded = codec.decoded(try codec.encoded(values), elements: values.count)
          try check(
            code, size, kernels, values: rounded, packed: file.bytes(key + "plain/packed"),
            absmax: file.floats(key + "plain/absmax"))
          try checkNested(file, plain: key + "plain/", nested: key + "nested/")
          narrow += 1
        }
        compared += 1
      }
    }
    #expect(compared == 16 && narrow == 4)

    // Every special row by itself.
    let rows = try file.floats("in/special")
    for size in [64, 256] {
      let packed = try file.bytes("special/\(code.name)/bs\(size)/packed")
      let absmax = try file.floats("special/\(code.name)/bs\(size)/absmax")
      for row in 0..<rows.count / 256 {
        try check(
          code, size, kernels, values: Array(rows[row * 256..<(row + 1) * 256]),
          packed: Array(packed[row * 128..<(row + 1) * 128]),
          absmax: Array(absmax[row * 256 / size..<(row + 1) * 256 / size]))
      }
    }
  }

  private func check(
    _ code: BlockwiseCode, _ size: Int, _ kernels: KernelSet, values: [Float], packed: [UInt8], absmax: [Float]
  ) throws {
    let codec = BlockwiseCodec(code, blockSize: size, kernels: kernels)
    let bytes = try codec.encoded(values)
    #expect(Array(bytes[..<packed.count]) == packed, "block size \(size)")
    #expect(Array(bytes[packed.count...]) == (try Float32Codec().encoded(absmax)), "block size \(size)")
    if kernels.name == "baseline" { #expect(try codec.referenceEncode(values) == bytes, "block size \(size)") }
  }

  private func checkNested(_ file: GoldenFile, plain: String, nested: String) throws {
    let absmax = try file.floats(plain + "absmax")
    let offset = try file.floats(nested + "offset")[0]
    let ours = DoubleQuantization.offset(of: absmax.span)
    #expect((ours - offset).magnitude <= 4 * offset.ulp)

    let (codes, nestedAbsmax) = doubleQuantized(absmax, offset: offset)
    #expect(codes == (try file.bytes(nested + "absmax_u8")), "\(nested)")
    #expect(nestedAbsmax.bitPatterns == (try file.floats(nested + "nested_absmax")).bitPatterns, "\(nested)")

    var restored = [Float](repeating: .nan, count: absmax.count)
    var span = restored.mutableSpan
    DoubleQuantization.decode(codes.span, nestedAbsmax: nestedAbsmax.span, offset: offset, into: &span)
    #expect(restored.bitPatterns == (try file.floats(nested + "absmax_restored")).bitPatterns, "\(nested)")
  }
}

func doubleQuantized(_ absmax: [Float], offset: Float) -> (codes: [UInt8], nestedAbsmax: [Float]) {
  var codes = [UInt8](repeating: 0xA5, count: absmax.count)
  var nestedAbsmax = [Float](repeating: .nan, count: DoubleQuantization.nestedCount(of: absmax.count))
  var codeSpan = codes.mutableSpan
  var nestedSpan = nestedAbsmax.mutableSpan
  DoubleQuantization.encode(absmax.span, offset: offset, into: &codeSpan, nestedAbsmax: &nestedSpan)
  return (codes, nestedAbsmax)
}
