internal import Architectures
internal import Bytes
internal import Tensors

/// A tensor of the same shape, the second input, added times `scale`, in F32.
struct ScaledAddition: AdapterTransform {
  let scale: Float

  func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] {
    guard inputs[0] == inputs[1] else {
      throw TransformRefusal(
        input: 1, "has shape \(inputs[1]), but is to be added to a tensor of shape \(inputs[0])")
    }
    return inputs[0]
  }

  func read(
    _ part: RowPart, of inputs: TransformInputs, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    try inputs[0].read(part, into: &values, scratch: &scratch)
    var added = [Float](repeating: 0, count: part.count)
    var span = added.mutableSpan
    try inputs[1].read(part, into: &span, scratch: &scratch)
    for index in 0..<span.count { values[index] += scale * span[index] }
  }
}
