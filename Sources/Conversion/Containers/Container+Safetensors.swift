internal import Architectures
internal import Bytes
internal import Safetensors
internal import Tensors

extension Container {
  /// One file of weights, or a Hugging Face folder.
  public static let safetensors: Container = Container(
    // The length of a header is below 2^32, and the header is an object.
    name: "safetensors", fileEnding: ".safetensors", magics: [Magic([0, 0, 0, 0, 0x7B], at: 4)], widensVectors: false,
    byte: .u8,
    canHold: { SafetensorsElementType.name(of: $0) != nil },
    open: { path, bytes throws(FileError) in
      let file = try SafetensorsFile(bytes)
      return OpenedContainer(
        container: .safetensors, source: file, files: [path], folder: FileSystem.parent(path),
        fileMetadata: file.metadata,
        isPartOfFolder: isShard(path))
    },
    openFolder: { path, names throws(FileError) in
      let endings = [".safetensors", ".safetensors.index.json", ".safetensors.zst"]
      let hasWeights = names.contains { name in endings.contains { name.hasFileEnding($0) } }
      guard hasWeights || path.hasFileEnding(".index.json") else { return nil }
      let shards = try SafetensorsFolder(path: path)
      return OpenedContainer(
        container: .safetensors, source: shards, files: shards.files.map(\.name), indexPath: shards.indexPath,
        folder: shards.folder,
        fileMetadata: shards.metadata,
        isPartOfFolder: shards.files.count == 1 && isShard(shards.files[0].name),
        remarks: shards.warnings.map { Note($0) })
    },
    indexEnding: ".index.json",
    tensorPlaces: { _, bytes throws(FileError) in try SafetensorsFile(bytes).placedTensors },
    writing: Writing(
      isAlwaysFile: false, tellsEverything: false, repeatsMetadata: true, wholeName: { $0 },
      outputs: { checkpoint throws(FileError) in
        // Names of a GGUF say nothing to those who read folders.
        if checkpoint.metadata != nil { _ = try checkpoint.requireModel() }
        return checkpoint.tensors.map { NamedDerivation(asStored: $0.name) }
      },
      layOut: { checkpoint, tensors, destination, recipe, provenance throws(FileError) in
        let isFile = destination.isFile
        if isFile, destination.maximumFileBytes != nil || (destination.fileCount ?? 1) > 1 {
          throw FileError(
            .unsupported, path: destination.path,
            "a single .safetensors file cannot be divided into shards; name a folder instead")
        }
        let description = try FolderDescription(of: checkpoint, tensors: tensors, destination, recipe, provenance)
        let plan = try SafetensorsWriter.plan(
          tensors: tensors.flatMap { $0.planes.map(\.descriptor) }, metadata: description.metadata,
          maximumShardBytes: destination.maximumFileBytes, runs: try destination.runs(of: tensors),
          baseName: isFile
            ? FileSystem.lastComponent(destination.path).droppingFileEnding(".safetensors") ?? "model" : "model")
        let index = plan.index.map { [Plan.Sidecar(name: $0.name, bytes: $0.bytes)] } ?? []
        // In the case in which the person wrote the ending.
        let files =
          isFile
          ? plan.files.map {
            PlannedFile(
              name: FileSystem.lastComponent(destination.path), header: $0.header, tensors: $0.tensors,
              byteCount: $0.byteCount)
          } : plan.files
        return LaidOutFiles(
          files: files, sidecars: (isFile ? [] : description.sidecars) + index, notes: description.notes)
      }))
}
