import Tensors

extension PlannedFile {
  /// The whole file, with the bytes that `contents` gives for each tensor.
  func filled(_ contents: (TensorDescriptor) -> [UInt8]) -> [UInt8] {
    var bytes = header + [UInt8](repeating: 0, count: byteCount - header.count)
    for tensor in tensors {
      let descriptor = tensor.descriptor
      bytes.replaceSubrange(tensor.offset..<tensor.offset + descriptor.byteCount, with: contents(descriptor))
    }
    return bytes
  }
}
