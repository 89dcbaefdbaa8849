internal import Bytes
internal import Architectures
internal import GGUF
internal import Quantization
internal import Tensors

/// A container that models are read from and written to: what it is called, what it can hold, how it is opened and how
/// an output is laid out in it. Each is a value in a file of its own.
public struct Container: Hashable, Sendable, CustomStringConvertible {
  /// As on the command line.
  public let name: String
  /// Ending of its files. A packed file has `.zst` after it.
  let fileEnding: String
  /// First bytes of its files; empty for a container that is known by nothing else being it.
  let magic: [UInt8]
  /// Whether an output is a file, or several of one folder, and never a folder of its own.
  let isAlwaysFile: Bool
  /// Whether vectors are stored as F32 whatever they were.
  let widensVectors: Bool
  /// The type of plain bytes.
  let byte: Encoding
  /// Whether there is a type for an encoding.
  let canHold: @Sendable (Encoding) -> Bool
  /// Opens a file.
  let open: @Sendable (_ path: String, any ByteSource) throws(FileError) -> OpenedContainer
  /// The tensors that an output holds, each derived from those of the Hugging Face form.
  let outputs: @Sendable (Checkpoint) throws(FileError) -> [NamedDerivation]
  /// Lays out an output, with the keys of its provenance in the metadata.
  let layOut:
    @Sendable (
      Checkpoint, [PlannedTensor], Destination, Recipe, _ provenance: [(key: String, value: String)]
    ) throws(FileError) -> LaidOutFiles

  /// Every container, one line each. A file is that of the first whose magic it has.
  public static let all: [Container] = [gguf, safetensors]

  public static func == (one: Container, other: Container) -> Bool { one.name == other.name }

  public func hash(into hasher: inout Hasher) { hasher.combine(name) }

  public var description: String { name }

  /// The container that the name of an output asks for: the file's ending, else a folder of safetensors.
  public static func forOutput(_ path: String) -> Container {
    all.first { path.hasFileEnding($0.fileEnding) } ?? .safetensors
  }

  /// The same; where no ending decides, types that only one container has do.
  public static func forOutput(_ path: String, _ recipe: Recipe) -> Container {
    if let named = all.first(where: { path.hasFileEnding($0.fileEnding) }) { return named }
    return all.first { $0 != .safetensors && recipe.isOnly(for: $0) } ?? .safetensors
  }

  /// Whether an output of that name is one file rather than a folder.
  public func isFile(_ path: String) -> Bool { isAlwaysFile || path.hasFileEnding(fileEnding) }

  /// Whether a tensor of this encoding is stored as it is.
  func holds(_ encoding: Encoding, asMatrix isMatrix: Bool) -> Bool {
    canHold(encoding) && (!widensVectors || isMatrix || encoding == .f32 || encoding.isInteger)
  }

  /// The element type for a weight that cannot stay what it is.
  func elementCodec(for source: (any StoredWeight)?, asMatrix isMatrix: Bool) -> any Codec {
    if widensVectors, !isMatrix { return Float32Codec() }
    switch source?.originalEncoding {
    case .some(.f32), .some(.f64): return Float32Codec()
    case .some(.bf16): return BFloat16Codec()
    case .some(let encoding) where encoding.name.hasPrefix("f8_"): return BFloat16Codec()
    default: return Float16Codec()
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
  /// Folder where a configuration may lie beside the weights.
  let folder: String?
  var gguf: GGUFSource?
  var fileMetadata: [String: String] = [:]
  var remarks: [Note] = []

  var metadata: GGUFMetadata? { gguf?.metadata }

  /// Whether it is one file of a folder with several, so that it holds only some of the tensors.
  var isPartOfFolder: Bool {
    gguf == nil && files.count == 1 && FileSystem.lastComponent(files[0]).contains(/-[0-9]{5,}-of-[0-9]{5,}\./)
  }
}
