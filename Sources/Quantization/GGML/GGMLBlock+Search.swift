// What the searches of ggml's encoders share.

extension GGMLBlock {
  /// Groups whose largest value is smaller are taken for zero (ggml's `GROUP_MAX_EPS`).
  static let negligible: Float = 1e-15

  /// The nearest integer, ties to even, of a value within 2^22 of zero. Of another one it is what the low bits of the sum
  /// happen to be. Source: ggml `nearest_int`.
  static func nearest(_ value: Float) -> Int {
    // At 1.5 * 2^23 the last place of a Float is 1.
    Int((value + 12_582_912).bitPattern & 0x7f_ffff) - 0x40_0000
  }

  static func clamped(_ code: Int, atMost most: Int) -> Int { max(0, min(most, code)) }

  /// The squares of the values, added up in order.
  static func sumOfSquares(_ values: [Float]) -> Float { values.reduce(0) { $0 + $1 * $1 } }

  /// What the errors of values are weighted with where their importance is known. `variance` is the mean square of what
  /// they belong to.
  static func weights(of values: [Float], importance: [Float], variance: Float) -> [Float] {
    zip(values, importance).map { $1 * (variance + $0 * $0).squareRoot() }
  }

  /// Codes of four bits in 32-byte runs: a block of 32 in the low halves, the next one in the high halves.
  static func packedBlockPairs(_ codes: [Int]) -> [UInt8] {
    stride(from: 0, to: codes.count, by: 64).flatMap { pair in
      (pair..<pair + 32).map { UInt8(codes[$0] & 15 | (codes[$0 + 32] & 15) << 4) }
    }
  }

  static func unpackedBlockPairs(_ bytes: ArraySlice<UInt8>) -> [Int] {
    stride(from: bytes.startIndex, to: bytes.endIndex, by: 32).flatMap { pair in
      let run = bytes[pair..<pair + 32]
      return run.map { Int($0 & 15) } + run.map { Int($0 >> 4) }
    }
  }
}

extension WeightedBlockCodec {
  /// Encodes the blocks of a row one after another.
  func encodeBlocks(
    of row: [Float], _ importance: [Float],
    _ encode: (_ block: [Float], _ importance: [Float]) throws(CodecError) -> [UInt8]
  ) throws(CodecError) -> [UInt8] {
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: row.count, by: elementsPerBlock) {
      let block = start..<start + elementsPerBlock
      do throws(CodecError) {
        bytes += try encode(Array(row[block]), Array(importance[block]))
      } catch {
        throw error.moved(by: start)
      }
    }
    return bytes
  }
}
