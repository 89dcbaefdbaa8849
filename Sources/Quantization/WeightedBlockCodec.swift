/// A block codec whose encoder can be told how much each column of a matrix matters, and then chooses scales and codes
/// that keep the error of the important columns small. The bytes mean the same; decoding knows nothing of it.
///
/// The importance of a column is the mean square of the activations it is multiplied with (an importance matrix);
/// all rows of the matrix share it. Values are finite and not negative.
public protocol WeightedBlockCodec: BlockCodec {
  /// The bytes of one row of finite values. `importance` has a number for each of them.
  func referenceEncode(row: [Float], importance: [Float]) throws(CodecError) -> [UInt8]

  /// Encodes whole rows of `importance.count` values, and returns how many blocks it could before one whose values are
  /// not finite or do not fit.
  func encodeBlocks(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int
}

extension WeightedBlockCodec {
  /// No scale in F16 reaches that far, and its square is still finite, which the searches need: beyond, ggml's find
  /// nothing, and store zeros.
  public var largestMagnitude: Float { 0x1p60 }

  /// Encodes whole rows of `importance.count` values into `bytes`.
  /// - Throws: `CodecError` when a value is NaN or infinite, or a block's scale would be.
  public func encode(
    _ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan
  ) throws(CodecError) {
    let blocks = checkedBlockCount(of: values, in: bytes)
    precondition(
      importance.count > 0 && importance.count % elementsPerBlock == 0 && values.count % importance.count == 0,
      "the values are not whole rows of the columns that have an importance")
    let done = encodeBlocks(values, importance: importance, into: &bytes)
    guard done == blocks else { throw failure(in: values, block: done) }
  }

  /// The bytes of whole rows of `importance.count` values.
  public func referenceEncode(_ values: [Float], importance: [Float]) throws(CodecError) -> [UInt8] {
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: values.count, by: importance.count) {
      let row = Array(values[start..<start + importance.count])
      if let index = row.firstIndex(where: { !$0.isFinite }) { throw .notFinite(index: start + index) }
      // The weights of a whole row follow from its squares; that value alone is to blame.
      if let index = row.firstIndex(where: { $0.magnitude >= largestMagnitude }) {
        throw .scaleOverflow(index: start + index / elementsPerBlock * elementsPerBlock)
      }
      do throws(CodecError) {
        bytes += try referenceEncode(row: row, importance: importance)
      } catch {
        throw error.moved(by: start)
      }
    }
    return bytes
  }
}
