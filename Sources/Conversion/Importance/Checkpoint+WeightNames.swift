public import Bytes
internal import Architectures

extension Checkpoint {
  /// What each weight is called in a GGUF, by its Hugging Face name: how an importance matrix calls it. Rows may lie in
  /// another order there; columns do not.
  /// - Throws: `FileError` when nothing is known of the model, or it has a tensor that its family does not know.
  public func ggufNames() throws(FileError) -> [String: String] {
    guard let model else {
      throw FileError(
        .missing, path: path, "there is no config.json beside the weights, so that their names cannot be told")
    }
    let named = try model.family.ggufTensors(
      fromHuggingFace: tensors.map(\.name), model.configuration, path: path)
    var names: [String: String] = [:]
    for tensor in named {
      for source in tensor.derivation.sources { names[source.name] = tensor.name }
    }
    return names
  }
}
