internal import Architectures
internal import Bytes
internal import GGUF
internal import Quantization
internal import Tensors

/// A container that models are read from, and perhaps written to: what it is called, what it can hold, how it is opened.
/// Each is a value in a file of its own, and a line in `all`.
public struct Container: Hashable, Sendable, CustomStringConvertible {
  /// As on the command line.
  public let name: String
  /// Ending of its files. A packed file has `.zst` after it.
  public let fileEnding: String
  /// Others that its files have.
  var otherEndings: [String] = []
  /// First bytes of its files, each a way they can begin.
  let magics: [Magic]
  /// Whether vectors are stored as F32 whatever they were.
  let widensVectors: Bool
  /// The type of plain bytes.
  let byte: Encoding
  /// Whether there is a type for an encoding.
  let canHold: @Sendable (Encoding) -> Bool
  /// Opens a file of weights.
  let open: @Sendable (_ path: String, any ByteSource) throws(FileError) -> OpenedContainer
  /// Opens a folder by the names in it; nil where it holds none of these files.
  let openFolder: @Sendable (_ path: String, _ names: [String]) throws(FileError) -> OpenedContainer?
  /// Ending of files that list others, which `openFolder` opens too. Of two that a name has, the longer counts.
  var indexEnding: String?
  /// Those of the names in a folder that stay unread where the folder is opened in another container.
  var unreadFiles: @Sendable (_ names: [String]) -> [String] = { _ in [] }
  /// Where the tensors of a file lie.
  let tensorPlaces: @Sendable (_ path: String, any ByteSource) throws(FileError) -> [PlacedTensor]
  /// How it is written; nil for one that is only read.
  let writing: Writing?

  /// How outputs are written in a container.
  struct Writing: Sendable {
    /// Whether an output is a file, or several of one folder, and never a folder of its own.
    let isAlwaysFile: Bool
    /// Whether its files tell everything of a model, under ggml's names: then its metadata can be set, layers can be left
    /// out, and mixes apply, which go by these names.
    let tellsEverything: Bool
    /// Whether each file of several has the metadata, or the first alone.
    let repeatsMetadata: Bool
    /// The name of an output that one of its files belongs to.
    let wholeName: @Sendable (_ path: String) -> String
    /// The tensors that an output holds, each derived from those of the Hugging Face form.
    let outputs: @Sendable (Checkpoint) throws(FileError) -> [NamedDerivation]
    /// Lays out an output, with the keys of its provenance in the metadata.
    let layOut:
      @Sendable (
        Checkpoint, [PlannedTensor], Destination, Recipe, _ provenance: [(key: String, value: String)]
      ) throws(FileError) -> LaidOutFiles
  }

  /// Every container, one line each.
  public static let all: [Container] = [safetensors, gguf, torchPickle]

  /// What an output is where nothing says otherwise.
  public static let usual = safetensors

  public static func == (one: Container, other: Container) -> Bool { one.name == other.name }

  public func hash(into hasher: inout Hasher) { hasher.combine(name) }

  public var description: String { name }

  // MARK: - Choosing one

  /// Those that outputs can be written in.
  public static var written: [Container] { all.filter { $0.writing != nil } }

  /// The container of a file. One that begins like none is read as the usual one, which says what is wrong with it.
  static func of(_ file: any ByteSource) throws(FileError) -> Container {
    of(start: try file.bytes(at: 0, count: min(startByteCount, file.byteCount)))
  }

  /// The same by its first bytes.
  static func of(start: [UInt8]) -> Container { all.first { $0.magics.contains { $0.isIn(start) } } ?? usual }

  /// Bytes at the beginning of a file that all magics lie in.
  static let startByteCount = 512

  /// The container that the name of an output asks for: the file's ending, else a folder of safetensors.
  public static func forOutput(_ path: String) -> Container {
    named(by: path) ?? usual
  }

  /// The same; where no ending decides, types that only one container has do.
  public static func forOutput(_ path: String, _ recipe: Recipe) -> Container {
    if let named = named(by: path) { return named }
    return written.first { $0 != usual && recipe.isOnly(for: $0) } ?? usual
  }

  /// The container that the ending of a name is one of, also where it is only read: an output is refused then.
  private static func named(by path: String) -> Container? {
    all.first { container in
      ([container.fileEnding] + container.otherEndings).contains { path.hasFileEnding($0) }
    }
  }

  /// Whether the name is that of one file of several.
  static func isShard(_ path: String) -> Bool {
    FileSystem.lastComponent(path).contains(/-[0-9]{5,}-of-[0-9]{5,}\./)
  }

  // MARK: - What it holds

  /// Whether an output of that name is one file rather than a folder.
  public func isFile(_ path: String) -> Bool { isAlwaysFile || path.hasFileEnding(fileEnding) }

  /// Whether an output is a file, or several of one folder, and never a folder of its own.
  public var isAlwaysFile: Bool { writing?.isAlwaysFile == true }

  /// Whether outputs tell everything of a model, under ggml's names.
  var tellsEverything: Bool { writing?.tellsEverything == true }

  /// How it is written.
  /// - Throws: `FileError` for one that is only read.
  func requireWriting(_ path: String) throws(FileError) -> Writing {
    guard let writing else {
      throw FileError(
        .unsupported, path: path,
        "\(name) is read, and not written; outputs are \(Self.written.map(\.name).joined(separator: " or "))")
    }
    return writing
  }

  /// Whether a tensor of this encoding is stored as it is.
  func holds(_ encoding: Encoding, asMatrix isMatrix: Bool) -> Bool {
    canHold(encoding) && (!widensVectors || isMatrix || encoding == .f32 || encoding.isInteger)
  }

  /// The element type for a weight that cannot stay what it is.
  func elementCodec(for source: (any StoredWeight)?, asMatrix isMatrix: Bool, inWideRange isWide: Bool) -> any Codec {
    if widensVectors, !isMatrix { return Float32Codec() }
    switch source?.originalEncoding {
    case .some(.f32), .some(.f64): return Float32Codec()
    case .some(.bf16), .some(.f8E4M3), .some(.f8E5M2), .some(.f8E8M0), .some(.f8E4M3FNUZ), .some(.f8E5M2FNUZ):
      return BFloat16Codec()
    case .some(.f16): return Float16Codec()
    // Of what was quantized by others nothing says what it was.
    default: return isWide ? BFloat16Codec() : Float16Codec()
    }
  }
}

/// The files of an output, and what should be known of them.
struct LaidOutFiles {
  var files: [PlannedFile]
  var sidecars: [Plan.Sidecar] = []
  var notes: [Note]
}

/// A container that was opened, before anything is made of its tensors.
struct OpenedContainer {
  let container: Container
  let source: any TensorSource
  let files: [String]
  /// The index that says which files there are, where one was followed.
  var indexPath: String?
  /// Folder where a configuration may lie beside the weights; nil where the files tell everything themselves.
  var folder: String?
  /// What the files tell of their model, where they tell everything.
  var metadata: GGUFMetadata?
  /// What else they say.
  var fileMetadata: [String: String] = [:]
  /// Whether it is one file of a folder with several, so that it holds only some of the tensors.
  var isPartOfFolder = false
  var remarks: [Note] = []
}
