import Bytes
import Quantization
import Tensors
import TestSupport
import Testing

/// What holds for every codec of the catalog, under every set of kernels.
@Suite struct CatalogTests {
  /// Values that reach every branch, of a length that is a whole number of every GGML block.
  static let inputs: [(name: String, values: [Float])] = {
    var random = SeededGenerator(seed: 20_261_121)
    let length = 4096 + 256
    var outliers = random.normals(length, deviation: 0.02)
    for index in stride(from: 9, to: length, by: 97) { outliers[index] *= 80 }
    return [
      ("empty", []),
      ("one", random.normals(1)),
      ("zeros", .init(repeating: 0, count: length)),
      ("negative zeros", .init(repeating: -0.0, count: length)),
      ("mixed zeros", (0..<length).map { $0 % 3 == 0 ? -0.0 : 0 }),
      ("constant", .init(repeating: 0.3, count: length)),
      ("normal", random.normals(length, deviation: 0.05)),
      ("outliers", outliers),
      ("positive", random.normals(length).map(\.magnitude)),
      ("positive and zeros", random.normals(length).enumerated().map { $0 % 7 < 2 ? -0.0 : $1.magnitude }),
      ("whole numbers", (0..<length).map { Float($0 % 255 - 127) }),
      ("small whole numbers", (0..<length).map { Float($0 % 100) }),
      ("halves", (0..<length).map { Float($0 % 31 - 15) / 2 }),
      ("equal magnitudes", (0..<length).map { $0 % 5 < 2 ? 1 : -1 }),
      ("large", random.normals(length, deviation: 9000)),
      ("too large for f16", random.normals(length, deviation: 1e7)),
      ("beyond squares", random.normals(length, deviation: 3e19)),
      ("huge", random.normals(length, deviation: 5e37)),
      ("subnormal in f16", random.normals(length, deviation: 1e-7)),
      ("tiny", random.normals(length, deviation: 1e-38)),
      ("subnormal", random.normals(length).map { $0 * .leastNormalMagnitude / 4096 }),
      ("every magnitude", (0..<length).map { Float(sign: .minus, exponent: $0 % 200 - 149, significand: 1.3) }),
      ("odd length", random.normals(length - 37)),
      ("even length", random.normals(length - 38)),
      ("less than a block", random.normals(31)),
    ]
  }()

  /// The inputs that a codec takes.
  static func inputs(of codec: any Codec) -> [(name: String, values: [Float])] {
    inputs.filter { codec.blocksCrossRows || $0.values.count % codec.elementsPerBlock == 0 }
  }

  /// The codecs that encode.
  static let encoders = Catalog.entries.filter(\.canEncode)

  @Test(arguments: encoders) func kernelsGiveTheReferencesBits(entry: Catalog.Entry) throws {
    for size in entry.takesBlockSize ? [32, 64, 4096] : [64] {
      let reference = entry.codec(blockSize: size)
      for (name, values) in Self.inputs(of: reference) {
        let expected = reference.referenceEncoding(of: values)
        let decoded = try? expected.map { reference.referenceDecode($0, elements: values.count).bitPatterns }.get()
        for kernels in KernelSet.all {
          let codec = entry.codec(blockSize: size, kernels: kernels)
          #expect(codec.encoding(of: values) == expected, "\(codec.name), \(kernels): \(name)")
          guard case .success(let bytes) = expected else { continue }
          #expect(
            codec.decoded(bytes, elements: values.count).bitPatterns == decoded, "\(codec.name), \(kernels): \(name)")
        }
      }
    }
  }

  @Test(arguments: Catalog.entries) func anyBytesDecode(entry: Catalog.Entry) throws {
    var random = SeededGenerator(seed: 5)
    let elements = 64 * 256
    let bytes = (0..<entry.codec().byteCount(elements: elements)).map { _ in
      UInt8.random(in: 0...255, using: &random)
    }
    let reference = entry.codec().referenceDecode(bytes, elements: elements)
    for kernels in KernelSet.all {
      let decoded = entry.codec(kernels: kernels).decoded(bytes, elements: elements)
      // Which of two NaNs a product keeps is left to the processor.
      let differing = zip(decoded, reference).filter { $0.bitPattern != $1.bitPattern && !($0.isNaN && $1.isNaN) }
      #expect(differing.isEmpty, "\(kernels)")
    }
  }

  @Test(
    arguments: Catalog.entries.filter { $0.encoding?.elementsPerBlock == 1 && $0.encoding?.bytesPerBlock ?? 9 <= 2 })
  func everyCodeComesBack(entry: Catalog.Entry) throws {
    let codec = entry.codec()
    let width = codec.byteCount(elements: 1)
    let count = 1 << (8 * width)
    let bytes = (0..<count).flatMap { code in (0..<width).map { UInt8(truncatingIfNeeded: code >> (8 * $0)) } }
    let values = codec.decoded(bytes, elements: count)
    let finite = values.indices.filter { values[$0].isFinite }
    let expected = finite.flatMap { bytes[$0 * width..<($0 + 1) * width] }
    #expect(codec.encoding(of: finite.map { values[$0] }) == .success(expected))
    let differing = values.filter { !$0.isFinite && codec.encoding(of: [$0]) != .failure(.notFinite(index: 0)) }
    #expect(differing.isEmpty)
  }

  /// How far a decoded value may lie from the value, as a part of its block's largest magnitude.
  static let bounds: [String: Float] = [
    "f32": 0, "f64": 0, "f16": 0x1p-11, "bf16": 0x1p-8, "f8_e4m3": 0x1p-4, "f8_e5m2": 0x1p-3,
    // A step; for symmetric types the far end is a step short. F16 scales add a little.
    "q4_0": 1.01 / 8, "q4_1": 1.01 / 15, "q5_0": 1.02 / 16, "q5_1": 1.02 / 31, "q8_0": 0.57 / 127,
    // A step, of scales and minimums with few bits.
    "q2_k": 0.5, "q4_k": 0.1, "q5_k": 0.05,
    "tq1_0": 0.501, "tq2_0": 0.501, "q2_0": 0.501,
    // Signs alone; and what lies beyond 6 times a power of two, or in the widest gap.
    "q1_0": 1, "mxfp4": 0.25, "nvfp4": 0.25,
    // Steps, of scales with few bits.
    "q3_k": 0.3, "q6_k": 0.04, "iq4_nl": 0.15, "iq4_xs": 0.15,
    // Half the widest gap.
    "nf4": 0.1520, "fp4": 0.1667, "int8": 0.5001 / 127, "int4": 0.5001 / 7,
  ]

  @Test(arguments: encoders.filter { $0.encoding?.isInteger != true })
  func errorsAreBounded(entry: Catalog.Entry) throws {
    let bound = try #require(Self.bounds[entry.name], "a new codec needs a bound here")
    for size in entry.takesBlockSize ? BlockwiseCodec.blockSizes : [64] {
      let codec = entry.codec(blockSize: size)
      for (name, values) in Self.inputs(of: codec)
      where ["normal", "outliers", "positive", "constant", "odd length", "zeros"].contains(name) {
        let decoded = codec.decoded(try codec.encoded(values), elements: values.count)
        // Below F16's normal range, and FP8's, the last place has a fixed size.
        let floor: Float = codec.elementsPerBlock == 1 ? (entry.name == "f8_e4m3" ? 0x1p-10 : 0x1p-17) : 0
        let beyond = stride(from: 0, to: values.count, by: codec.elementsPerBlock).filter { start in
          let block = start..<min(start + codec.elementsPerBlock, values.count)
          let absmax = values[block].map(\.magnitude).max() ?? 0
          return block.contains { (decoded[$0] - values[$0]).magnitude > max(bound * absmax, floor) }
        }
        #expect(beyond.isEmpty, "\(codec.name): \(name)")
      }
    }
  }

  /// One rule for all types, where references differ: ggml clamps what NVFP4 cannot hold, and stores zeros for
  /// what q3_k, q6_k and iq4_xs cannot.
  @Test(arguments: encoders.filter { $0.encoding?.isInteger != true })
  func whatIsTooLargeIsRefusedAndNeverClamped(entry: Catalog.Entry) throws {
    let bound = try #require(Self.bounds[entry.name], "a new codec needs a bound here")
    let codec = entry.codec()
    for (name, values) in Self.inputs(of: codec)
    where ["large", "too large for f16", "beyond squares", "huge"].contains(name) {
      for start in stride(from: 0, to: values.count, by: codec.elementsPerBlock) {
        let block = Array(values[start..<min(start + codec.elementsPerBlock, values.count)])
        guard case .success(let bytes) = codec.encoding(of: block) else { continue }
        let absmax = block.map(\.magnitude).max() ?? 0
        let decoded = codec.decoded(bytes, elements: block.count)
        #expect(
          zip(decoded, block).allSatisfy { ($0 - $1).magnitude <= 1.5 * bound * absmax }, "\(codec.name): \(name)")
      }
    }
  }

  @Test(arguments: [
    "f32", "f64", "f16", "bf16", "f8_e5m2", "q4_0", "q5_0", "q8_0", "tq1_0", "tq2_0", "mxfp4", "q1_0", "q2_0", "nf4",
    "fp4", "int8", "int4",
  ])
  func decodedValuesEncodeToThemselves(name: String) throws {
    let codec = try #require(Catalog.codec(named: name))
    let values = try #require(Self.inputs.first { $0.name == "outliers" }).values
    let once = codec.decoded(try codec.encoded(values), elements: values.count)
    let twice = codec.decoded(try codec.encoded(once), elements: values.count)
    #expect(once == twice)
  }

  @Test(arguments: encoders) func zerosAreExact(entry: Catalog.Entry) throws {
    let codec = entry.codec()
    let zeros = [Float](repeating: 0, count: 256)
    #expect(codec.decoded(try codec.encoded(zeros), elements: 256) == zeros)
  }

  @Test(arguments: encoders, KernelSet.all)
  func valuesThatAreNotFiniteAreNamed(entry: Catalog.Entry, kernels: KernelSet) {
    let codec = entry.codec(kernels: kernels)
    for index in [0, 1, 63, 64, 2047, 5000, 5119] {
      for value in [Float.nan, -.nan, .infinity, -.infinity, .signalingNaN, Float(bitPattern: 0xffff_ffff)] {
        var values = [Float](repeating: 1, count: 5120)
        values[index] = value
        #expect(codec.encoding(of: values) == .failure(.notFinite(index: index)))
      }
      guard kernels.name == "baseline" else { continue }
      var values = [Float](repeating: 1, count: 5120)
      values[index] = .nan
      #expect(codec.referenceEncoding(of: values) == .failure(.notFinite(index: index)))
    }
  }

  /// Runs that end at block boundaries, put together plane by plane, are the encoding of the whole.
  @Test(arguments: encoders) func runsJoin(entry: Catalog.Entry) throws {
    let codec = entry.codec()
    var random = SeededGenerator(seed: 17)
    let values = (0..<2560).map { _ in Float(Int.random(in: 0...100, using: &random)) }
    let cut = 5 * 256
    let tail = codec.blocksCrossRows ? 2560 - 13 : 2560
    let runs = [Array(values[..<cut]), Array(values[cut..<tail])]
    let whole = try codec.encoded(Array(values[..<tail]))
    let parts = try runs.map { try codec.encoded($0) }
    var joined: [UInt8] = []
    for plane in 0..<codec.planeCount {
      for (run, part) in zip(runs, parts) {
        let start = (0..<plane).reduce(0) { $0 + codec.byteCount(plane: $1, elements: run.count) }
        joined += part[start...].prefix(codec.byteCount(plane: plane, elements: run.count))
      }
    }
    #expect(joined == whole)
  }

  @Test func scalesThatDoNotFitAreRefused() {
    for name in ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_0", "q2_k", "q4_k", "q5_k"] {
      for kernels in KernelSet.all {
        guard let codec = Catalog.codec(named: name, kernels: kernels) else {
          Issue.record("no \(name)")
          continue
        }
        var values = [Float](repeating: 0.5, count: 1024)
        values[300] = 1e30
        let block = 300 / codec.elementsPerBlock * codec.elementsPerBlock
        #expect(codec.encoding(of: values) == .failure(.scaleOverflow(index: block)))
      }
    }
    var values = [Float](repeating: 0.5, count: 3000)
    values[2000] = 65_519.996
    #expect(throws: Never.self) { try Float16Codec().encoded(values) }
    values[2000] = 65_520
    #expect(Float16Codec().encoding(of: values) == .failure(.notRepresentable(index: 2000)))
    values[2000] = -.greatestFiniteMagnitude
    #expect(BFloat16Codec().encoding(of: values) == .failure(.notRepresentable(index: 2000)))
    #expect(Float8Codec.e4m3().encoding(of: [448, 464, 465]) == .failure(.notRepresentable(index: 2)))
    #expect(IntegerCodec.i8.encoding(of: [-128, 127, 0.5]) == .failure(.notRepresentable(index: 2)))
  }

  /// Whatever the size of values, and of their importance as far as matrices are taken: they are refused, or decode to
  /// finite values, which are not all zero where a type's scales reach that far.
  @Test(arguments: encoders) func whatIsEncodedIsFinite(entry: Catalog.Entry) {
    let codec = entry.codec()
    var random = SeededGenerator(seed: 23)
    let normals = codec is IntegerCodec ? [Float](repeating: 1, count: 512) : random.normals(512)
    for exponent in stride(from: -148, through: 124, by: 8) {
      let values = normals.map { $0 * Float(sign: .plus, exponent: exponent, significand: 1) }
      for importance in [nil, 0x1p-50, 1, 0x1p50] as [Float?] {
        let columns = importance.map { [Float](repeating: $0, count: 512) }
        guard case .success(let bytes) = codec.encoding(of: values, importance: columns) else { continue }
        let decoded = codec.decoded(bytes, elements: values.count)
        #expect(!decoded.contains { !$0.isFinite }, "2^\(exponent), \(String(describing: importance))")
        if (-8...8).contains(exponent) {
          #expect(decoded.contains { $0 != 0 }, "2^\(exponent), \(String(describing: importance))")
        }
      }
    }
  }

  @Test func lookup() throws {
    #expect(Set(Catalog.entries.map(\.name)).count == Catalog.entries.count)
    for entry in Catalog.entries {
      #expect(Catalog.codec(named: entry.name)?.name == entry.name)
      if let encoding = entry.encoding {
        #expect(Catalog.codec(for: encoding)?.name == encoding.name)
        #expect(entry.codec().byteCount(elements: 256) == encoding.byteCount(elements: 256))
      }
    }
    #expect(Catalog.codec(named: "nf4/128")?.elementsPerBlock == 128)
    #expect(Catalog.codec(named: "nf4/128")?.name == "nf4/128")
    for name in ["", "q4", "nf4/", "nf4/48", "nf4/64/64", "q4_0/32"] { #expect(Catalog.codec(named: name) == nil) }
    #expect(Catalog.codec(for: Encoding(name: "q4_0", elementsPerBlock: 32, bytesPerBlock: 20)) == nil)
  }

  @Test func sizes() throws {
    let bits = [
      "q4_0": 4.5, "q4_1": 5, "q5_0": 5.5, "q5_1": 6, "q8_0": 8.5, "tq1_0": 1.6875, "mxfp4": 4.25, "nvfp4": 4.5,
      "q1_0": 1.125, "iq1_s": 1.5625, "iq3_s": 3.4375, "nf4": 4.5, "int8": 8.5, "nf4/4096": 4.0078125,
    ]
    for (name, expected) in bits {
      let codec = try #require(Catalog.codec(named: name))
      #expect(Double(codec.byteCount(elements: 1 << 20) * 8) / Double(1 << 20) == expected)
    }
    let codec = BlockwiseCodec(.nf4)
    #expect(codec.byteCount(plane: 0, elements: 65) == 33)
    #expect(codec.byteCount(plane: 1, elements: 65) == 8)
  }

  @Test func wrongSizesTrap() async {
    await #expect(processExitsWith: .failure) {
      var bytes: [UInt8] = [0, 0, 0]
      try bytes.withMutableBytes { raw throws(CodecError) in try Float16Codec().encode([1, 2].span, into: &raw) }
    }
  }
}
