import Foundation
import JSON
import TestSupport

/// A LoRA adapter for a `TinyCheckpoint`, as PEFT writes one, to be spoilt by tests.
struct TinyAdapter {
  var rank = 2
  var config: [String: JSONValue] = ["peft_type": "LORA", "r": 2, "lora_alpha": 4, "bias": "none"]
  var tensors: [RawTensor]
  var weightsName = "adapter_model.safetensors"

  static let prefix = "base_model.model.model.layers.0.mlp.up_proj."

  init() {
    var random = SeededGenerator(seed: 5)
    tensors = [
      RawTensor(Self.prefix + "lora_A.weight", shape: [2, 64], values: random.normals(128, deviation: 0.1)),
      RawTensor(Self.prefix + "lora_B.weight", shape: [172, 2], values: random.normals(344, deviation: 0.1)),
    ]
  }

  init(_ change: (inout TinyAdapter) -> Void) {
    self.init()
    change(&self)
  }

  func write(to path: String) throws {
    let folder = URL(fileURLWithPath: path)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data(JSONValue.object(config).serialized()).write(to: folder.appendingPathComponent("adapter_config.json"))
    let bytes =
      weightsName.hasSuffix(".bin") ? RawTorchPickle.bytes(of: tensors) : try RawSafetensors.bytes(of: tensors)
    try Data(bytes).write(to: folder.appendingPathComponent(weightsName))
  }
}
