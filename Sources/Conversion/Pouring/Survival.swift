internal import Quantization

/// What is left of values once they are encoded.
enum Survival {
  /// All values are zero.
  case nothingToLose
  /// One of those that are not zero is not zero afterwards.
  case kept
  /// All of those are zero afterwards; the largest of them has this magnitude.
  case lost(largest: Float)

  /// Elements that are decoded at once. In an ordinary weight the first ones tell.
  private static let elementsAtOnce = 256

  /// - Parameter bytes: `values`, encoded with `codec`.
  init(of values: Span<Float>, in bytes: RawSpan, _ codec: some BlockCodec) {
    self.init(of: values, block: codec.elementsPerBlock) { elements, decoded in
      let place = codec.byteCount(elements: elements.lowerBound)..<codec.byteCount(elements: elements.upperBound)
      codec.decode(bytes.extracting(place), into: &decoded)
    }
  }

  /// - Parameters:
  ///   - block: values that are decoded together.
  ///   - decode: gives what is left of a run of values.
  init(of values: Span<Float>, block: Int, decode: (Range<Int>, inout MutableSpan<Float>) -> Void) {
    let size = max(block, Self.elementsAtOnce / block * block)
    var decoded = [Float](repeating: 0, count: size)
    var largest: Float = 0
    var start = 0
    while let index = (start..<values.count).first(where: { values[$0] != 0 }) {
      start = index / block * block
      let elements = start..<min(start + size, values.count)
      var span = decoded.mutableSpan
      var part = span._mutatingExtracting(0..<elements.count)
      decode(elements, &part)
      for index in elements where values[index] != 0 {
        if decoded[index - start] != 0 {
          self = .kept
          return
        }
        largest = max(largest, values[index].magnitude)
      }
      start = elements.upperBound
    }
    self = largest > 0 ? .lost(largest: largest) : .nothingToLose
  }
}
