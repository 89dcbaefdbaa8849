internal import Bytes
internal import FuzzSupport
internal import GGUF
internal import Tensors

extension FormatsTargets {
  static let gguf = FuzzTarget("gguf", seeds: ["Formats/GGUF/Fixtures", "Tests/Fixtures/llama-imatrix.gguf"]) { bytes in
    let file = try GGUFFile(InputBytes(bytes))
    _ = try GGUFSource(file)
    for tensor in file.tensors { try readEnds(of: tensor, in: file) }

    // What the writer refuses, ggml cannot read, or it is about the files of a split set.
    var metadata = GGUFMetadata()
    for entry in file.metadata.entries {
      if case .arrays = entry.value { continue }
      metadata[entry.key] = entry.value
    }
    let descriptors = file.tensors.map(\.descriptor).filter { descriptor in
      descriptor.name.utf8.count < 64 && GGMLType(descriptor.encoding)?.isIntermediate == false
    }
    let planned = try FuzzFinding.ifThrows("cannot be written again") {
      try GGUFWriter.plan(metadata: metadata, tensors: descriptors, name: "again.gguf")[0]
    }
    let again = try FuzzFinding.ifThrows("cannot be read again") { try GGUFFile(PlannedBytes(planned)) }
    metadata.removeAll { ["split.no", "split.count", "split.tensors.count"].contains($0.key) }
    try FuzzFinding.unless(again.tensors.map(\.descriptor) == descriptors, "the tensors are others when read again")
    try FuzzFinding.unless(again.tensors == planned.tensors, "the tensors lie elsewhere when read again")
    try FuzzFinding.unless(
      again.metadata.entries.map(\.key) == metadata.entries.map(\.key), "the keys are others when read again")
    // Bytes are compared, as NaN is not itself and text has several spellings.
    let second = try FuzzFinding.ifThrows("cannot be written twice") {
      try GGUFWriter.plan(metadata: again.metadata, tensors: descriptors, name: "again.gguf")[0]
    }
    try FuzzFinding.unless(second.header == planned.header, "the header is another when written twice")
  }

  /// The first and the last bytes of a tensor, which the header says are there.
  private static func readEnds(of tensor: PlacedTensor, in file: GGUFFile) throws(FuzzFinding) {
    let count = min(tensor.descriptor.byteCount, 300)
    var bytes = [UInt8](repeating: 0, count: count)
    for offset in [0, tensor.descriptor.byteCount - count] {
      try FuzzFinding.ifThrows("a tensor cannot be read") {
        try bytes.withMutableBytes { raw throws(FileError) in try file.read(tensor, at: offset, into: &raw) }
      }
    }
  }
}
