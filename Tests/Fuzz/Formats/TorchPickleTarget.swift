internal import Bytes
internal import FuzzSupport
internal import Safetensors
internal import Tensors
internal import TorchPickle

extension FormatsTargets {
  static let torchPickle = FuzzTarget("torch-pickle", seeds: ["Formats/TorchPickle/Fixtures"]) { bytes in
    let file = try TorchPickleFile(InputBytes(bytes))
    for tensor in file.tensors {
      let whole = try FuzzFinding.ifThrows("a tensor cannot be read") { try file.bytes(of: tensor.name) }
      // A part is the same as in the whole, wherever rows end.
      let (start, count) = (tensor.byteCount / 3, tensor.byteCount / 2)
      var part = [UInt8](repeating: 0, count: count)
      try FuzzFinding.ifThrows("a part cannot be read") {
        try part.withMutableBytes { raw throws(FileError) in try file.read(tensor.name, at: start, into: &raw) }
      }
      try FuzzFinding.unless(whole[start..<start + count].elementsEqual(part), "a part differs from the whole")
    }
    for (one, next) in zip(file.placedStorages, file.placedStorages.dropFirst()) {
      try FuzzFinding.unless(one.offset + one.descriptor.byteCount <= next.offset, "two storages overlap")
    }
    guard file.descriptor(of: "__metadata__") == nil else { return }
    let planned = try FuzzFinding.ifThrows("cannot be written as safetensors") {
      try SafetensorsWriter.plan(tensors: file.tensors).files[0]
    }
    let again = try FuzzFinding.ifThrows("cannot be read again") { try SafetensorsFile(PlannedBytes(planned)) }
    try FuzzFinding.unless(Set(again.tensors) == Set(file.tensors), "the tensors are others when read again")
  }
}
