internal import Architectures
internal import Bytes
internal import GGUF
internal import Tensors

extension Container {
  /// One file or a split set, which holds everything there is to know of a model.
  public static let gguf: Container = Container(
    name: "gguf", fileEnding: ".gguf", magics: [Magic("GGUF".utf8)],
    // ggml computes with them so.
    widensVectors: true,
    byte: .i8,
    canHold: { GGMLType($0) != nil },
    open: { path, _ throws(FileError) in
      let source = try GGUFSource(path: path)
      return OpenedContainer(
        container: .gguf, source: source, files: source.files.map(\.path), metadata: source.metadata,
        remarks: source.files.flatMap(\.remarks).map { Note($0.sentence, rule: $0.rule) })
    },
    openFolder: { path, names throws(FileError) in
      let ggufs = names.filter { $0.hasFileEnding(".gguf") || $0.hasFileEnding(".gguf.zst") }
      guard let first = ggufs.first else { return nil }
      guard ggufs.count == 1 || first.contains("-00001-of-") else {
        throw FileError(.unsupported, path: path, "holds \(ggufs.count) GGUF files; name the one to read")
      }
      return try Recognition.open(FileSystem.join(path, first))
    },
    tensorPlaces: { path, _ throws(FileError) in try GGUFFile(path: path).tensors },
    writing: Writing(
      isAlwaysFile: true, tellsEverything: true, repeatsMetadata: false,
      wholeName: { path in
        guard let shard = ShardName(FileSystem.lastComponent(path)), shard.count > 1 else { return path }
        return FileSystem.join(FileSystem.parent(path), shard.prefix + ShardName.suffix)
      },
      outputs: { checkpoint throws(FileError) in
        if checkpoint.metadata != nil, checkpoint.model == nil {
          // What is not known stays what it is.
          return checkpoint.tensors.map { NamedDerivation(asStored: $0.name) }
        }
        guard checkpoint.model != nil || checkpoint.config != nil else {
          throw FileError(
            .missing, path: FileSystem.join(checkpoint.folder ?? checkpoint.path, "config.json"),
            "a GGUF needs the model's configuration, and there is none beside the weights")
        }
        let model = try checkpoint.requireModel()
        let configurationTensors: [NamedDerivation]
        if checkpoint.metadata != nil {
          // An adapter may set the head apart from the embedding.
          if !checkpoint.adapters.isEmpty { try model.checkGGUFHead(path: checkpoint.path) }
          // From GGUF to GGUF they stay as they are, understood or not.
          configurationTensors = checkpoint.weights.map(\.name).filter(model.configurationTensorNames.contains)
            .map(NamedDerivation.init(asStored:))
        } else {
          configurationTensors = try model.configurationTensors(path: checkpoint.path)
        }
        return try configurationTensors
          + model.ggufTensors(fromHuggingFace: checkpoint.tensors.map(\.name), path: checkpoint.path)
      },
      layOut: { checkpoint, tensors, destination, recipe, provenance throws(FileError) in
        let description = try GGUFDescription(of: checkpoint, tensors: tensors, recipe, provenance)
        let (descriptors, name) = (
          tensors.flatMap { $0.planes.map(\.descriptor) }, FileSystem.lastComponent(destination.path)
        )
        let files: [PlannedFile]
        if let runs = try destination.runs(of: tensors) {
          files = try GGUFWriter.plan(metadata: description.metadata, tensors: descriptors, name: name, runs: runs)
        } else {
          files = try GGUFWriter.plan(
            metadata: description.metadata, tensors: descriptors, name: name,
            maximumSplitBytes: destination.maximumFileBytes)
        }
        return LaidOutFiles(files: files, notes: description.notes)
      }))
}
