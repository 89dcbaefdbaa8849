internal import Architectures
internal import Bytes
internal import GGUF
internal import Tensors

extension Recipe {
  /// What a mix asks of `checkpoint`: of a GGUF what its metadata say, with the values that the recipe gives them.
  /// - Throws: `FileError` where a mix is asked for a model that a GGUF cannot describe.
  func circumstances(of checkpoint: Checkpoint) throws(FileError) -> MixCircumstances {
    func result(_ architecture: String, _ value: (String) -> MetadataValue?) -> MixCircumstances {
      MixCircumstances(architecture: architecture) { key in
        metadata.first { $0.key == key }?.value ?? value(key)
      }
    }
    if let metadata = checkpoint.metadata {
      return result(metadata["general.architecture"]?.string ?? "") { metadata[$0] }
    }
    guard case .mix = rule, let model = checkpoint.model else { return MixCircumstances() }
    let entries = try model.metadata(path: checkpoint.path)
    return result(model.ggufArchitecture) { key in entries.first { $0.key == key }?.value }
  }
}
