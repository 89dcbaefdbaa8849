/// One output file as a container lays it out before a weight is read: its header is complete, and every
/// tensor has its offset. Bytes that neither the header nor a tensor covers are zero.
public struct PlannedFile: Sendable {
  /// File name without folder.
  public let name: String
  public let header: [UInt8]
  public let tensors: [PlacedTensor]
  /// Length of the whole file.
  public let byteCount: Int

  public init(name: String, header: [UInt8], tensors: [PlacedTensor], byteCount: Int) {
    self.name = name
    self.header = header
    self.tensors = tensors
    self.byteCount = byteCount
  }
}

/// A tensor and where its bytes begin, counted from the start of the file.
public struct PlacedTensor: Hashable, Sendable {
  public let descriptor: TensorDescriptor
  public let offset: Int

  public init(descriptor: TensorDescriptor, offset: Int) {
    self.descriptor = descriptor
    self.offset = offset
  }
}
