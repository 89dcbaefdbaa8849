public import Bytes
public import GGUF

internal import Safetensors
public import Tensors

/// What a model file or folder holds, whether or not it can be converted.
public struct Inspection: Sendable {
  public let path: String
  public let container: Container
  /// Files with weights.
  public let files: [String]
  public let byteCount: Int
  /// Whether a file is packed.
  public let isPacked: Bool
  /// The stored tensors.
  public let source: any TensorSource
  /// Metadata of a GGUF.
  public let metadata: GGUFMetadata?
  /// `__metadata__` of safetensors.
  public let fileMetadata: [String: String]
  /// The model, when it can be used here.
  public let checkpoint: Checkpoint?
  /// Why it cannot.
  public let obstacle: FileError?
  /// What it says of how it was made; nil where that is nothing, or malformed.
  public let provenance: Provenance?
  /// What opening the files and the model found.
  public let remarks: [Note]

  /// - Throws: `FileError` when the container itself is malformed or unknown.
  public init(path: String) throws(FileError) {
    let opened = try Recognition.open(path)
    self.path = path
    self.container = opened.container
    self.files = opened.files
    self.byteCount = opened.source.fileByteCount
    self.isPacked = opened.files.contains { $0.hasFileEnding(".zst") }
    self.source = opened.source
    self.metadata = opened.metadata
    self.fileMetadata = opened.fileMetadata
    self.provenance = (try? Provenance(of: opened, path: path)) ?? nil
    do throws(FileError) {
      let model = try Checkpoint(opened, path: path)
      checkpoint = model
      remarks = model.notes
      obstacle = nil
    } catch {
      guard error.code != .system else { throw error }
      checkpoint = nil
      remarks = opened.remarks
      obstacle = error
    }
  }
}
