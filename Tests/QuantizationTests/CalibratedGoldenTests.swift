import Bytes
@_spi(Benchmarks) @testable import Quantization
import Testing

/// The bytes that calibrated encoding gives, type by type: a change of them is a change of everybody's files.
///
/// The numbers are those of this encoder itself, which has no other reference. They change when it becomes better, and then are told by the
/// failing test.
@Suite struct CalibratedGoldenTests {
  private static let goldens: [String: String] = [
    "q4_0": "28513df0367438", "q4_1": "470b3295db624315", "q5_0": "74aa2df086c5e536",
    "q5_1": "b9c8916a13d6f195", "q8_0": "4f3acf2d18112670", "q2_k": "ba0edd8e9b78a78",
    "q3_k": "841ede7c467088bd", "q4_k": "5595070d87e50475", "q5_k": "836110dde1973c6a",
    "q6_k": "f4e467b9eed9f25e", "iq4_nl": "564c5e2c138942df", "iq4_xs": "392a64b2ebe5ae3e",
    "tq1_0": "763c4b09f88bebea", "tq2_0": "40851b5bbf6d71b5", "mxfp4": "dacaaf9794c4d19a",
    "nvfp4": "85aa930e7102eec3", "q1_0": "4cf1660ac12c6db9", "q2_0": "33d2029bdd215683",
    "nf4": "d724293e3e0facd5", "fp4": "39746160685afa6d", "int8": "e0e9b0e45f643d3a",
    "int4": "cdecb11de704cb26",
  ]

  private static let (rows, columns) = (12, 256)

  /// Multiples of 1/256 that a linear congruence draws, so that no library's generator matters.
  private struct Draws {
    var state: UInt64 = 1

    mutating func next() -> Float {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(Int(state >> 55) - 256) / 256
    }
  }

  private static func moments(_ order: Int, _ draws: inout Draws) -> SymmetricMoments {
    let tokens = (0..<order).map { _ in
      let common = (0..<5).map { _ in draws.next() }
      return (0..<order).map { common[$0 % 5] + common[$0 / 5 % 5] + draws.next() / 4 }
    }
    return SymmetricMoments(
      order: order,
      values: (0..<order).flatMap { row in
        (0...row).map { column in tokens.reduce(Float(0)) { $0 + $1[row] * $1[column] } / Float(order) }
      })
  }

  @Test(arguments: CalibratedEncodingTests.names) func bytesAreThoseOfBefore(_ name: String) throws {
    var draws = Draws()
    let values = (0..<Self.rows * Self.columns).map { _ in draws.next() * draws.next() }
    let (inputs, gradients) = (Self.moments(Self.columns, &draws), Self.moments(Self.rows, &draws))
    let codec = try #require(Catalog.codec(named: name) as? any ScalarCodec)
    let coded = try CalibratedEncoding(inputs: inputs, gradients: gradients)
      .encode(values.span, rows: Self.rows, grid: codec.grid)
    var bytes = [UInt8](repeating: 0, count: codec.byteCount(elements: values.count))
    try bytes.withMutableBytes { span throws(CodecError) in try codec.pack(coded, into: &span) }
    // FNV-1a.
    let hash = bytes.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    #expect(String(hash, radix: 16) == Self.goldens[name], "\(name)")
  }
}
