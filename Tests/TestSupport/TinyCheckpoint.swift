public import JSON
internal import Foundation

/// A Llama of a few thousand random weights, as a folder in Hugging Face's form. Sizes are odd on purpose: the
/// feed-forward rows of 172 fit no block of 32.
public struct TinyCheckpoint: Sendable {
  public var hidden = 64
  public var inner = 172
  public var layers = 2
  public var heads = 4
  public var keyValueHeads = 2
  public var vocabulary = 96
  public var isTied = false
  public var hasBiases = false
  /// Element type of matrices.
  public var type = "BF16"
  /// Element type of norms and biases.
  public var vectorType = "BF16"
  public var shardCount = 1
  /// Whether the weights are checkpoints of PyTorch instead of safetensors.
  public var isPickled = false
  public var seed: UInt64 = 1
  /// What config.json has besides.
  public var settings: [String: JSONValue] = [:]

  public init() {}

  public init(_ change: (inout TinyCheckpoint) -> Void) { change(&self) }

  public var config: JSONValue {
    let members: [String: JSONValue] = [
      "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": .integer(hidden),
      "intermediate_size": .integer(inner), "num_hidden_layers": .integer(layers),
      "num_attention_heads": .integer(heads), "num_key_value_heads": .integer(keyValueHeads),
      "vocab_size": .integer(vocabulary), "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
      "tie_word_embeddings": .bool(isTied), "attention_bias": .bool(hasBiases), "mlp_bias": .bool(hasBiases),
      "torch_dtype": "bfloat16", "transformers_version": "5.0.0", "transformers.js_config": ["kept": true],
    ]
    return .object(members.merging(settings) { _, new in new })
  }

  public func tensors() -> [RawTensor] {
    var random = SeededGenerator(seed: seed)
    var tensors: [RawTensor] = []
    func add(_ name: String, _ shape: [Int]) {
      let isVector = shape.count == 1
      let values = (0..<shape.reduce(1, *)).map { _ in
        Float(Int32(truncatingIfNeeded: random.next())) / 0x1p34 + (isVector ? 1 : 0)
      }
      tensors.append(RawTensor(name, type: isVector ? vectorType : type, shape: shape, values: values))
    }
    func addLinear(_ name: String, _ rows: Int, _ columns: Int) {
      add(name + ".weight", [rows, columns])
      if hasBiases { add(name + ".bias", [rows]) }
    }
    let keys = hidden / heads * keyValueHeads
    add("model.embed_tokens.weight", [vocabulary, hidden])
    for layer in 0..<layers {
      let prefix = "model.layers.\(layer)."
      add(prefix + "input_layernorm.weight", [hidden])
      addLinear(prefix + "self_attn.q_proj", hidden, hidden)
      addLinear(prefix + "self_attn.k_proj", keys, hidden)
      addLinear(prefix + "self_attn.v_proj", keys, hidden)
      addLinear(prefix + "self_attn.o_proj", hidden, hidden)
      add(prefix + "post_attention_layernorm.weight", [hidden])
      addLinear(prefix + "mlp.gate_proj", inner, hidden)
      addLinear(prefix + "mlp.up_proj", inner, hidden)
      addLinear(prefix + "mlp.down_proj", hidden, inner)
    }
    add("model.norm.weight", [hidden])
    if !isTied { add("lm_head.weight", [vocabulary, hidden]) }
    return tensors
  }

  /// Writes a new folder.
  /// - Parameter change: what is done to the tensors before.
  /// - Returns: the folder's path.
  @discardableResult
  public func write(to path: String, _ change: (inout [RawTensor]) -> Void = { _ in }) throws -> String {
    var tensors = tensors()
    change(&tensors)
    let folder = URL(fileURLWithPath: path)
    func write(_ bytes: [UInt8], _ name: String) throws {
      try Data(bytes).write(to: folder.appendingPathComponent(name))
    }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try write(try config.serialized(), "config.json")
    let (stem, ending) = isPickled ? ("pytorch_model", ".bin") : ("model", ".safetensors")
    func bytes(of tensors: [RawTensor]) throws -> [UInt8] {
      isPickled ? RawTorchPickle.bytes(of: tensors) : try RawSafetensors.bytes(of: tensors)
    }
    guard shardCount > 1 else {
      try write(try bytes(of: tensors), stem + ending)
      return path
    }
    var places: [String: JSONValue] = [:]
    let size = (tensors.count + shardCount - 1) / shardCount
    for number in 0..<shardCount {
      let name = "\(stem)-0000\(number + 1)-of-0000\(shardCount)\(ending)"
      let part = Array(tensors[min(number * size, tensors.count)..<min((number + 1) * size, tensors.count)])
      for tensor in part { places[tensor.name] = .string(name) }
      try write(try bytes(of: part), name)
    }
    let total = tensors.reduce(0) { $0 + $1.bytes.count }
    let index: JSONValue = ["metadata": ["total_size": .integer(total)], "weight_map": .object(places)]
    try write(try index.serialized(), "\(stem)\(ending).index.json")
    return path
  }
}
