public import Bytes
internal import Architectures

extension Checkpoint {
  /// What each weight is called in a GGUF, by its Hugging Face name, several where it is divided there: how an importance matrix calls it. Rows may lie in
  /// another order there; columns do not.
  /// - Throws: `FileError` when nothing is known of the model, or it has a tensor that its family does not know.
  public func ggufNames() throws(FileError) -> [String: [String]] {
    let named = try requireModel().ggufTensors(fromHuggingFace: tensors.map(\.name), path: path)
    var names: [String: [String]] = [:]
    for tensor in named {
      for source in Set(tensor.derivation.sources) { names[source.name, default: []].append(tensor.name) }
    }
    return names
  }
}
