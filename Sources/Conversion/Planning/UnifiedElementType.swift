internal import GGUF
internal import JSON
internal import Quantization

/// The one element type for what is not quantized in safetensors, where tensors would have several.
///
/// A GGUF has norms of f32 beside other matrices, and transformers takes the tensors of a model with quantized weights as
/// they are stored: mixed, they load and fail in the first product. So what no option names gets the type that config.json
/// says, or will say. An unquantized model stays what it is: transformers brings its tensors to one type itself. So does what
/// Decant's own GGUF says of the types that its tensors had.
struct UnifiedElementType {
  /// The tensors that would have another type.
  let numbers: [Int]
  let type: TargetType
  let note: Note

  /// nil where there is nothing to unify.
  init?(
    of tensors: [PlannedTensor], _ choices: [TypeChoice], _ checkpoint: Checkpoint, _ destination: Destination
  ) {
    guard !destination.container.widensVectors else { return nil }
    let own = tensors.indices.filter { number in
      guard case .kept = choices[number] else { return false }
      return tensors[number].isElements && !tensors[number].keepsNonFinite
    }
    var counts: [String: Int] = [:]
    for number in own { counts[tensors[number].targetType, default: 0] += tensors[number].elementCount }
    let isForeign = checkpoint.container.widensVectors && checkpoint.metadata?[GGUFDescription.Key.elementType] == nil
    let isQuantizing = tensors.contains { if case .encode = $0.action { $0.spelling != nil } else { false } }
    let most = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    let said = checkpoint.elementType.flatMap { counts[$0] == nil ? nil : $0 }
    guard let name = said ?? most, let codec = Catalog.codec(named: name) else { return nil }
    let numbers = own.filter { number in
      let tensor = tensors[number]
      // Of quantized safetensors, what is decoded has no type of its own to keep.
      return tensor.targetType != name
        && (isForeign || isQuantizing || (tensor.isSourceQuantized && !checkpoint.container.widensVectors))
    }
    guard !numbers.isEmpty else { return nil }
    self.numbers = numbers
    type = TargetType(codec: codec)
    note = Note(
      "stored as \(name), the element type of the model, like everything else that is not quantized",
      of: numbers.map { tensors[$0].name })
  }
}

extension Checkpoint {
  /// The element type that config.json names, as types are called here; nil where it names none.
  var elementType: String? {
    let name = config?["dtype"]?.string ?? config?["torch_dtype"]?.string
    return ["float32": "f32", "float16": "f16", "bfloat16": "bf16"][name ?? ""]
  }
}
