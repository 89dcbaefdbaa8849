internal import Architectures
public import Bytes
internal import JSON
internal import Tensors

extension Checkpoint {
  /// A model of which there is nothing but its config.json: its tensors have names, shapes and types, and no values.
  /// - Parameter path: the file.
  /// - Throws: `FileError` when it is no configuration, or of a family that is not known.
  public init(configuration path: String) throws(FileError) {
    var document = try Checkpoint.json(at: path)
    guard let members = document.object, members["model_type"] != nil || members["architectures"] != nil else {
      throw FileError(
        .unsupported, path: path, "is no configuration of a model: it has neither architectures nor model_type")
    }
    var remarks: [Note] = []
    if let family = ModelFamilies.family(ofConfig: document) {
      // Of weights that are quantized the configuration does not tell which.
      if members["quantization_config"]?.unlessNull != nil {
        document = .object(members.filter { $0.key != "quantization_config" })
        remarks.append("the configuration is of quantized weights; the model is taken as it was before")
      }
      let others = ["vision_config", "audio_config"].filter { members[$0]?.unlessNull != nil }
      if !others.isEmpty {
        remarks.append("the part of the model that \(others.joined(separator: " and ")) describes is not counted")
      }
      let model = try family.model(fromConfig: document, path: path)
      let type = Self.elementType(of: document)
      var descriptors: [TensorDescriptor] = []
      // Whether a model has biases is a matter of its family; all of them are counted. A head that is the embedding is not.
      let isOwnHead = model.hasHead && !model.tiesHead
      var byteCount = 0
      let most = 300_000
      for tensor in model.expectedTensors(most: most) where tensor.name != model.tiedTensors.head || isOwnHead {
        do throws(ShapeError) {
          descriptors.append(try TensorDescriptor(name: tensor.name, encoding: type, shape: tensor.shape))
        } catch {
          throw FileError(
            .malformed, path: path, subject: tensor.name, "would have the shape \(tensor.shape): \(error)")
        }
        let (sum, isTooMuch) = byteCount.addingReportingOverflow(descriptors.last?.byteCount ?? 0)
        byteCount = sum
        // Whatever becomes of a weight, it takes no more than four times as much.
        guard !isTooMuch, sum < 1 << 59, descriptors.count <= most else {
          throw FileError(
            .unsupported, path: path, "asks for more than is counted: \(most) tensors, or 500,000 TB of weights")
        }
      }
      let source = ConfiguredSource(name: path, tensors: descriptors)
      try self.init(
        OpenedContainer(container: .safetensors, source: source, files: [], remarks: remarks), document, model,
        obstacle: FileError(.missing, path: path, "is of no known family"), folder: FileSystem.parent(path), path: path)
    } else {
      throw Checkpoint.unknownFamily(document, path: path)
    }
  }

  /// What the weights beside a configuration are stored as, by what it says; bfloat16 where it says nothing.
  private static func elementType(of config: JSONValue) -> Encoding {
    let text =
      (config["dtype"] ?? config["torch_dtype"] ?? config["text_config"]?["dtype"]
      ?? config["text_config"]?["torch_dtype"])?.string
    return switch text {
    case "float32": .f32
    case "float16": .f16
    default: .bf16
    }
  }
}

extension Checkpoint {
  /// A model, or its configuration where nothing else is there: a config.json itself, a folder with one and no weights, an
  /// index whose files are not there.
  /// - Throws: `FileError` when there is neither.
  public static func configured(_ path: String) throws(FileError) -> Checkpoint {
    let isFolder = try FileSystem.isFolder(path)
    let isIndex = path.hasFileEnding(".index.json")
    if !isFolder, !isIndex, path.hasFileEnding(".json") { return try Checkpoint(configuration: path) }
    do throws(FileError) {
      return try Checkpoint(path: path)
    } catch {
      // What is missing may be all of the weights or some.
      let beside = FileSystem.join(isFolder ? path : FileSystem.parent(path), configName)
      guard isFolder || isIndex, error.code == .missing, try FileSystem.hasFile(beside) else { throw error }
      var checkpoint = try Checkpoint(configuration: beside)
      checkpoint.notes.append(Note("weights are missing, so that this goes by the configuration: \(error.description)"))
      return checkpoint
    }
  }
}
