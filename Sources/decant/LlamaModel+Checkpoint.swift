internal import Architectures
internal import Bytes
internal import Conversion
internal import Inference

extension LlamaModel {
  /// The model of a checkpoint, with its adapters.
  init(running checkpoint: Checkpoint) throws {
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
