internal import Architectures
public import Bytes
internal import GGUF
internal import Quantization
internal import Tensors

extension Plan {
  /// Plans a GGUF of an adapter, in which every byte is as llama.cpp's converter has it.
  /// - Parameters:
  ///   - type: nil for the element type that each factor has.
  ///   - name: what the GGUF calls the adapter; nil for what its card says.
  /// - Throws: `FileError` for what a GGUF cannot say of the adapter.
  public init(
    converting adapter: Adapter, of base: AdapterBase, to destination: Destination, type: TargetType?, name: String?
  ) throws(FileError) {
    guard destination.container == .gguf else {
      throw FileError(
        .unsupported, path: destination.path, "an adapter is written as a GGUF", remedy: .makeGGUF)
    }
    let inputs = try adapter.inputPaths + base.inputPaths
    try destination.check(against: inputs)
    let writing = try AdapterWriting(adapter, of: base)
    var tensors: [PlannedTensor] = []
    for tensor in writing.tensors {
      tensors.append(try Self.planned(tensor, writing.inputs, type, destination))
    }
    let metadata = try Self.metadata(of: adapter, base, alpha: writing.alpha, name: name)
    let files = try GGUFWriter.plan(
      metadata: metadata, tensors: tensors.flatMap { $0.planes.map(\.descriptor) },
      name: FileSystem.lastComponent(destination.path))
    var notes: [Note] = []
    let replaced = tensors.filter { $0.substitution != nil }
    if let reason = replaced.first?.substitution {
      notes.append(Note("stored as f16, since \(reason)", of: replaced.map(\.name)))
    }
    if !writing.copies.isEmpty {
      notes.append(
        Note("left out, as llama.cpp's converter does: a copy of what the model has", of: writing.copies))
    }
    if metadata["general.name"] == nil {
      notes.append(Note("the adapter has no name of its own, so that the GGUF has none either", remedy: .nameModel))
    }
    self.init(
      destination: destination, tensors: tensors, files: files, sidecars: [], notes: notes, provenance: nil,
      sources: [adapter.source])
    inputPaths = inputs
    try destination.check(files: stagedFiles, against: inputs)
  }

  private static func planned(
    _ tensor: NamedDerivation, _ inputs: TensorInputs, _ wanted: TargetType?, _ destination: Destination
  ) throws(FileError) -> PlannedTensor {
    let rows = try DerivedTensor(tensor.derivation, inputs: inputs)
    let source = try tensor.derivation.sources.first.map { reference throws(FileError) in
      try inputs.tensor(reference)
    }
    if let refusal = source?.refusalToDecode { throw refusal }
    var type =
      wanted
      ?? TargetType(codec: Container.gguf.elementCodec(for: source, asMatrix: true, inWideRange: false))
    var substitution: String?
    if let block = type.codec?.elementsPerBlock, rows.columns % block != 0 {
      substitution = "rows of \(rows.columns) values are no whole number of blocks of \(type.name)"
      type = TargetType(codec: Float16Codec())
    }
    guard let codec = type.codec, let encoding = type.encoding, Container.gguf.canHold(encoding) else {
      throw FileError(.unsupported, path: destination.path, "\(type.name) is no type of an adapter in GGUF")
    }
    let descriptor = try TensorDescriptor(
      planned: tensor.name, encoding: encoding, shape: rows.shape, for: destination)
    return PlannedTensor(
      name: tensor.name, shape: rows.shape, rows: rows,
      action: rows.copiedEncoding == encoding ? .copyRows : .encode(PlainEncoder(codec, type: type)),
      planes: [PlannedPlane(descriptor: descriptor, content: .plane(0))], sourceType: source?.typeName ?? "computed",
      isSourceQuantized: source?.isQuantized == true, sourceBits: source?.codeBits,
      targetType: type.name, spelling: nil, substitution: substitution,
      keepsNonFinite: false, unmerged: nil, originalType: nil)
  }

  /// The keys of llama.cpp's converter, in its order: those of the adapter's card among them.
  private static func metadata(
    of adapter: Adapter, _ base: AdapterBase, alpha: Float, name: String?
  ) throws(FileError) -> GGUFMetadata {
    var metadata = GGUFMetadata()
    metadata["general.architecture"] = .string(base.model.ggufArchitecture)
    metadata["general.type"] = .string(AdapterFiles.ggufType)
    metadata["adapter.type"] = .string("lora")
    let card = try KeptMetadata.metadata(of: adapter.path)
    // The first of them, whatever says it.
    metadata["general.name"] =
      (name ?? Checkpoint.repository(ofCached: adapter.path)).map(MetadataValue.string)
      ?? card.first { $0.key == "general.name" }?.value
    for (key, value) in card where key != "general.name" { metadata[key] = value }
    metadata["adapter.lora.alpha"] = .float32(alpha)
    metadata["general.quantization_version"] = .uint32(2)
    return metadata
  }
}
