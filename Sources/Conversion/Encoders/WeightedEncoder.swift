internal import Bytes
internal import Quantization

/// Encodes with a codec that spares the columns that matter most. A tensor may be a stack of matrices, each of which has an
/// importance of its own.
struct WeightedEncoder: TensorEncoder {
  let type: TargetType
  let weights: [Float]

  var importance: [Float]? { weights }
  var needsWholeRows: Bool { true }

  /// - Parameter codec: that of the type.
  var codec: any Codec { weighted }

  init(_ codec: any WeightedBlockCodec, type: TargetType, weights: [Float]) {
    self.type = type
    self.weights = weights
    weighted = codec
  }

  private let weighted: any WeightedBlockCodec

  func prepared(for shape: [Int]) -> any SlabEncoder {
    Slabs(codec: weighted, weights: weights, columns: max(1, shape.last ?? 1), rows: shape.dropLast().last ?? 1)
  }

  private struct Slabs: SlabEncoder {
    let codec: any WeightedBlockCodec
    let weights: [Float]
    let columns: Int
    /// Of one matrix.
    let rows: Int

    func encode(_ values: Span<Float>, from first: Int, into bytes: inout MutableRawSpan) throws(SlabFailure) {
      let rowBytes = codec.byteCount(elements: columns)
      let slab = first / columns..<(first + values.count) / columns
      var row = slab.lowerBound
      while row < slab.upperBound {
        let matrix = row / rows
        let part = row..<min((matrix + 1) * rows, slab.upperBound)
        let place = part.lowerBound - slab.lowerBound..<part.upperBound - slab.lowerBound
        var target = bytes._mutatingExtracting(place.lowerBound * rowBytes..<place.upperBound * rowBytes)
        do throws(CodecError) {
          try codec.encode(
            values.extracting(place.lowerBound * columns..<place.upperBound * columns),
            importance: weights.span.extracting(matrix * columns..<(matrix + 1) * columns), into: &target)
        } catch {
          throw .codec(error.moved(by: place.lowerBound * columns))
        }
        row = part.upperBound
      }
    }
  }
}
