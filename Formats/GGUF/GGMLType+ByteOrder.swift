internal import Tensors

extension GGMLType {
  /// Reverses the numbers in whole blocks, from big-endian to little-endian. `fields` must not be nil.
  func reverseNumbers(in bytes: inout [UInt8]) {
    guard let fields, !fields.isEmpty else { return }
    for block in stride(from: 0, to: bytes.count, by: encoding.bytesPerBlock) {
      for field in fields {
        for index in 0..<field.count {
          let start = block + field.offset + index * field.width
          for step in 0..<field.width / 2 {
            bytes.swapAt(start + step, start + field.width - 1 - step)
          }
        }
      }
    }
  }
}
