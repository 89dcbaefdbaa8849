internal import Architectures
internal import Bytes
internal import Conversion
internal import Evaluation
internal import Tensors

extension MeasuredFile {
  /// - Parameter digests: of its weights and its adapters'; nil where nobody asks for more than the sizes.
  init(_ checkpoint: Checkpoint, digests: [String]?) throws(FileError) {
    let name = ([checkpoint.path] + checkpoint.adapters.map(\.path)).map(FileSystem.lastComponent).joined(
      separator: " + ")
    var details: Details?
    if let digests {
      var known = Details(container: checkpoint.container.name)
      known.model = checkpoint.model?.className
      known.layouts = checkpoint.layoutNames
      known.types = Self.types(of: checkpoint)
      known.digests = digests
      known.madeBy = checkpoint.provenance?.version
      known.recipe = checkpoint.provenance?.document
      known.license = try checkpoint.licence()
      known.hubName = try checkpoint.hubName()
      known.baseModels = try checkpoint.baseModels()
      details = known
    }
    self.init(
      name: name, bytes: checkpoint.fileByteCount, bitsPerWeight: checkpoint.bitsPerWeight, details: details)
  }

  private static func types(of checkpoint: Checkpoint) -> [TypeShare] {
    Dictionary(grouping: checkpoint.weights, by: \.typeName).map { type, weights in
      TypeShare(
        type: type, tensors: weights.count, weights: weights.reduce(0) { $0 + $1.elementCount },
        bytes: weights.reduce(0) { $0 + $1.byteCount })
    }.sorted { ($1.bytes, $0.type) < ($0.bytes, $1.type) }
  }
}

extension MeasurementOrigin {
  /// How what is measured now is measured.
  static func current(_ read: ReadingOptions.ReadText) throws(FileError) -> MeasurementOrigin {
    MeasurementOrigin(
      version: Version.current, command: try ProcessArguments.words(), machine: .current,
      text: Text(
        name: read.path == "-" || read.path.hasPrefix("/dev/") ? "standard input" : FileSystem.lastComponent(read.path),
        bytes: read.text,
        windows: read.windows))
  }
}
