internal import Bytes
internal import FuzzSupport
internal import Safetensors
internal import Tensors

extension FormatsTargets {
  static let safetensors = FuzzTarget("safetensors", seeds: ["Formats/Safetensors/Fixtures"]) { bytes in
    let file = try SafetensorsFile(InputBytes(bytes))
    for tensor in file.tensors {
      _ = try FuzzFinding.ifThrows("a tensor cannot be read") { try file.bytes(of: tensor.name) }
    }
    let planned = try FuzzFinding.ifThrows("cannot be written again") {
      try SafetensorsWriter.plan(tensors: file.tensors, metadata: file.metadata).files[0]
    }
    let again = try FuzzFinding.ifThrows("cannot be read again") { try SafetensorsFile(PlannedBytes(planned)) }
    try FuzzFinding.unless(
      again.placedTensors == inFileOrder(planned.tensors), "the tensors are others when read again")
    try FuzzFinding.unless(Set(again.tensors) == Set(file.tensors), "tensors are lost when read again")
    try FuzzFinding.unless(again.metadata == file.metadata, "the metadata is another when read again")
  }

  /// Empty tensors come before the one that begins where they do.
  private static func inFileOrder(_ tensors: [PlacedTensor]) -> [PlacedTensor] {
    tensors.enumerated().sorted {
      ($0.element.offset, $0.element.descriptor.byteCount, $0.offset)
        < ($1.element.offset, $1.element.descriptor.byteCount, $1.offset)
    }.map(\.element)
  }
}
