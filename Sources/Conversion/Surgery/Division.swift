internal import Bytes
internal import GGUF
internal import Safetensors
internal import Tensors

/// How the tensors of a model are divided among files.
public enum Division: Hashable, Sendable {
  /// One file.
  case whole
  /// At most that many bytes of tensors a file, headers not counted. A longer tensor has a file of its own.
  case bytes(Int)
  /// At most that many tensors a file.
  case tensors(Int)

  /// How files with other tensors of the same model are laid out in one container.
  struct Rule: Sendable {
    let container: Container
    /// Lays out the tensors of an opened model, with what its files say of it.
    let layOut: @Sendable (OpenedContainer, Destination, Division) throws(FileError) -> LaidOutFiles
  }

  /// One line for each container that files can be divided and joined in.
  static let rules: [Rule] = [
    Rule(
      container: .gguf,
      layOut: { opened, destination, division throws(FileError) in
        let (tensors, name) = (opened.source.tensors, FileSystem.lastComponent(destination.path))
        let metadata = opened.metadata ?? GGUFMetadata()
        let files =
          switch division {
          case .whole: try GGUFWriter.plan(metadata: metadata, tensors: tensors, name: name)
          case .bytes(let most):
            try GGUFWriter.plan(metadata: metadata, tensors: tensors, name: name, dividedBy: .bytes(most))
          case .tensors(let most):
            try GGUFWriter.plan(metadata: metadata, tensors: tensors, name: name, dividedBy: .tensors(most))
          }
        return LaidOutFiles(files: files, notes: [])
      }),
    Rule(
      container: .safetensors,
      layOut: { opened, destination, division throws(FileError) in
        let isFile = destination.isFile
        guard !isFile || division == .whole else {
          throw FileError(
            .unsupported, path: destination.path,
            "a single .safetensors file cannot be divided into shards; name a folder instead")
        }
        let name = FileSystem.lastComponent(destination.path)
        var (mostBytes, mostTensors): (Int?, Int?) = (nil, nil)
        switch division {
        case .whole: break
        case .bytes(let most): mostBytes = most
        case .tensors(let most): mostTensors = most
        }
        let plan = try SafetensorsWriter.plan(
          tensors: opened.source.tensors, metadata: opened.fileMetadata, maximumShardBytes: mostBytes,
          maximumShardTensors: mostTensors, baseName: isFile ? name.droppingFileEnding(".safetensors") ?? name : "model"
        )
        guard !isFile else {
          // In the case in which the person wrote the ending.
          let files = plan.files.map {
            PlannedFile(name: name, header: $0.header, tensors: $0.tensors, byteCount: $0.byteCount)
          }
          return LaidOutFiles(files: files, notes: [])
        }
        var beside = ModelFolder.Carried()
        if let folder = opened.folder { beside = try ModelFolder.everything(in: folder) }
        let index = plan.index.map { [Plan.Sidecar(name: $0.name, bytes: $0.bytes)] } ?? []
        return LaidOutFiles(files: plan.files, sidecars: beside.files + index, notes: beside.notes)
      }),
  ]
}

extension ModelFolder {
  /// The small files of a model that only changes the files of its weights. None where nothing beside them says that it is a
  /// model's folder.
  fileprivate static func everything(in folder: String) throws(FileError) -> Carried {
    let config = FileSystem.join(folder, "config.json")
    guard try FileSystem.hasFile(config) else { return Carried() }
    var carried = try carried(from: folder, isLoadedWithCode: true)
    carried.files.append(Plan.Sidecar(name: "config.json", bytes: try InputFile.document(of: config, limit: 64 << 20)))
    let strangers = try FileSystem.names(inFolder: folder).filter {
      !$0.hasPrefix(".") && !hasFile(named: $0) && $0 != templates
    }
    if !strangers.isEmpty {
      let shown = strangers.prefix(5).map { FileError.quoted($0) }.joined(separator: ", ")
      carried.notes.append(
        "left behind, as no file of a model: \(shown)" + (strangers.count > 5 ? " and \(strangers.count - 5) more" : "")
      )
    }
    return carried
  }
}
