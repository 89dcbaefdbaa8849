import Bytes
import Quantization
import TestSupport
import Testing

/// What holds for every codec whose encoder takes importance, under every set of kernels.
@Suite struct WeightedEncodingTests {
  static let entries = Catalog.entries.filter { $0.codec() is any WeightedBlockCodec }

  static func codec(_ entry: Catalog.Entry, _ kernels: KernelSet = .best) throws -> any WeightedBlockCodec {
    try #require(entry.codec(kernels: kernels) as? any WeightedBlockCodec)
  }

  /// Rows of so many columns: fewer than kernels take at a time, and more.
  static let shapes: [(rows: Int, columns: Int)] = [(1, 256), (2, 768), (17, 256)]

  /// What may be known of the columns.
  static func importances(_ columns: Int) -> [(name: String, values: [Float])] {
    var random = SeededGenerator(seed: 31)
    let squares = random.normals(columns).map { $0 * $0 }
    return [
      ("squares", squares),
      ("half of the columns", squares.enumerated().map { $0 % 2 == 0 ? 0 : $1 }),
      ("equal", .init(repeating: 1, count: columns)),
      ("none", .init(repeating: 0, count: columns)),
      ("every magnitude", (0..<columns).map { Float(sign: .plus, exponent: $0 % 120 - 80, significand: 1.7) }),
    ]
  }

  @Test(arguments: entries) func kernelsGiveTheReferencesBits(entry: Catalog.Entry) throws {
    for (rows, columns) in Self.shapes {
      for (name, values) in CatalogTests.inputs where values.count >= rows * columns {
        let values = Array(values[..<(rows * columns)])
        // The reference is slow: only one row is tried with everything.
        for importance in Self.importances(columns).prefix(rows == 1 ? 5 : 1) {
          let expected = try Self.codec(entry).referenceEncoding(of: values, importance: importance.values)
          for kernels in KernelSet.all {
            let encoding = try Self.codec(entry, kernels).encoding(of: values, importance: importance.values)
            #expect(encoding == expected, "\(kernels), \(rows) x \(columns): \(name), \(importance.name)")
          }
        }
      }
    }
  }

  /// Important columns come out better than without importance, in the mean.
  @Test(arguments: entries) func importantColumnsAreKept(entry: Catalog.Entry) throws {
    let codec = try Self.codec(entry)
    var random = SeededGenerator(seed: 8)
    let values = random.normals(8 * 512, deviation: 0.02)
    let importance = (0..<512).map { Float($0 % 4 == 1 ? 1 : 0.001) }
    func error(_ bytes: [UInt8]) -> Float {
      let decoded = codec.decoded(bytes, elements: values.count)
      return values.indices.reduce(0) {
        let difference = decoded[$1] - values[$1]
        return $0 + importance[$1 % 512] * difference * difference
      }
    }
    let weighted = try codec.encoding(of: values, importance: importance).get()
    #expect(error(weighted) < error(try codec.encoded(values)))
  }

  @Test(arguments: entries, KernelSet.all)
  func valuesThatAreNotFiniteAreNamed(entry: Catalog.Entry, kernels: KernelSet) throws {
    let codec = try Self.codec(entry, kernels)
    let importance = [Float](repeating: 1, count: 512)
    for index in [0, 511, 512, 1500, 2559] {
      var values = [Float](repeating: 1, count: 5 * 512)
      values[index] = .nan
      #expect(codec.encoding(of: values, importance: importance) == .failure(.notFinite(index: index)))
      guard kernels.name == "baseline", index < 512 else { continue }
      #expect(codec.referenceEncoding(of: values, importance: importance) == .failure(.notFinite(index: index)))
    }
  }
}

extension WeightedBlockCodec {
  func encoding(of values: [Float], importance: [Float]) -> Result<[UInt8], CodecError> {
    var bytes = [UInt8](repeating: 0xA5, count: byteCount(elements: values.count))
    do throws(CodecError) {
      try bytes.withMutableBytes { raw throws(CodecError) in
        try encode(values.span, importance: importance.span, into: &raw)
      }
      return .success(bytes)
    } catch {
      return .failure(error)
    }
  }

  func referenceEncoding(of values: [Float], importance: [Float]) -> Result<[UInt8], CodecError> {
    do throws(CodecError) {
      return .success(try referenceEncode(values, importance: importance))
    } catch {
      return .failure(error)
    }
  }
}
