internal import Architectures
public import Bytes
public import Conversion

extension LlamaModel {
  /// The model of a checkpoint in any container, with its adapters.
  ///
  /// Norms and biases are read; the other weights are read and decoded whenever the model runs.
  /// - Throws: `FileError` when there is no configuration beside the weights, a tensor is missing or its shape does not
  ///   fit.
  public init(running checkpoint: Checkpoint) throws(FileError) {
    guard let model = checkpoint.model else {
      throw FileError(
        .missing, path: checkpoint.path, "there is no config.json beside the weights, so the model cannot be run")
    }
    var tensors: [String: DerivedTensor] = [:]
    for tensor in checkpoint.tensors {
      tensors[tensor.name] = try DerivedTensor(tensor.derivation, inputs: checkpoint.inputs)
    }
    let known = tensors
    try self.init(configuration: model.configuration, name: checkpoint.path) { known[$0] }
  }
}
