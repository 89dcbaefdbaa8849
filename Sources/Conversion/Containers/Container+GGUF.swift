internal import Architectures
internal import Bytes
internal import GGUF
internal import Tensors

extension Container {
  /// One file or a split set, which holds everything there is to know of a model.
  public static let gguf: Container = Container(
    name: "gguf", fileEnding: ".gguf", magic: Array("GGUF".utf8), isAlwaysFile: true,
    // ggml computes with them so.
    widensVectors: true,
    byte: .i8,
    canHold: { GGMLType($0) != nil },
    open: { path, _ throws(FileError) in
      let source = try GGUFSource(path: path)
      return OpenedContainer(
        container: .gguf, source: source, files: source.files.map(\.path), folder: nil, gguf: source,
        remarks: source.files.flatMap(\.remarks).map { Note($0.sentence, rule: $0.rule) })
    },
    outputs: { checkpoint throws(FileError) in
      if checkpoint.metadata != nil, checkpoint.model == nil {
        // What is not known stays what it is.
        return checkpoint.tensors.map {
          NamedDerivation(name: $0.name, derivation: .source(TensorReference($0.name)))
        }
      }
      guard checkpoint.model != nil || checkpoint.config != nil else {
        throw FileError(
          .missing, path: FileSystem.join(checkpoint.folder ?? checkpoint.path, "config.json"),
          "a GGUF needs the model's configuration, and there is none beside the weights")
      }
      let model = try checkpoint.requireModel()
      let configurationTensors: [NamedDerivation]
      if checkpoint.metadata != nil {
        // From GGUF to GGUF they stay as they are, understood or not.
        configurationTensors = checkpoint.weights.map(\.name).filter(model.configurationTensorNames.contains)
          .map { NamedDerivation(name: $0, derivation: .source(TensorReference($0))) }
      } else {
        configurationTensors = try model.configurationTensors(path: checkpoint.path)
      }
      return try configurationTensors
        + model.ggufTensors(fromHuggingFace: checkpoint.tensors.map(\.name), path: checkpoint.path)
    },
    layOut: { checkpoint, tensors, destination, recipe, provenance throws(FileError) in
      let description = try GGUFDescription(of: checkpoint, tensors: tensors, recipe, provenance)
      let files = try GGUFWriter.plan(
        metadata: description.metadata, tensors: tensors.flatMap { $0.planes.map(\.descriptor) },
        name: FileSystem.lastComponent(destination.path), maximumSplitBytes: destination.maximumFileBytes)
      return LaidOutFiles(files: files, notes: description.notes)
    })
}
