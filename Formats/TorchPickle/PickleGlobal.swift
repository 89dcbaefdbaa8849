/// A class or function that a pickle names, of those that files of weights need. None is called: what each would make is
/// put together by `PickleMachine`.
enum PickleGlobal: Hashable {
  /// `collections.OrderedDict`.
  case orderedDictionary
  /// `torch.Size`: a tuple.
  case size
  /// What is of no interest: `torch.device`, layouts, schemes of quantization.
  case word
  /// `torch.float16`: a value.
  case elementType(TorchElementType)
  /// `torch.HalfStorage`; nil for `torch.storage.UntypedStorage`, whose elements are bytes.
  case storage(TorchElementType?)
  /// `torch._utils._rebuild_tensor`, `_v2` and `_v3`.
  case tensor(version: Int)
  /// `torch._utils._rebuild_parameter`, and the same with attributes.
  case parameter(hasState: Bool)
  /// What makes a tensor that is not read; a file may have it where it is not asked for.
  case otherTensor(String)

  /// - Returns: nil for what is on no list.
  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch", "Size"): self = .size
    case ("torch", "device"): self = .word
    case ("torch.storage", "UntypedStorage"), ("torch", "UntypedStorage"), ("torch.storage", "_UntypedStorage"):
      self = .storage(nil)
    case ("torch._utils", "_rebuild_tensor"): self = .tensor(version: 1)
    case ("torch._utils", "_rebuild_tensor_v2"): self = .tensor(version: 2)
    case ("torch._utils", "_rebuild_tensor_v3"): self = .tensor(version: 3)
    case ("torch._utils", "_rebuild_parameter"): self = .parameter(hasState: false)
    case ("torch._utils", "_rebuild_parameter_with_state"): self = .parameter(hasState: true)
    case ("torch._utils", _):
      guard let kind = Self.otherTensors[name] else { return nil }
      self = .otherTensor(kind)
    case ("torch", _):
      if let type = TorchElementType.byStorageClass[name] {
        self = .storage(type)
      } else if let type = TorchElementType.byName[name] {
        self = .elementType(type)
      } else if Self.words.contains(name) {
        self = .word
      } else {
        return nil
      }
    case ("torch.serialization", "_get_layout"): self = .word
    default: return nil
    }
  }

  private static let otherTensors = [
    "_rebuild_qtensor": "is a quantized tensor of torch (qint8, quint8 ...); load it with torch and save what "
      + "dequantize() gives",
    "_rebuild_sparse_tensor": "is a sparse tensor; load it with torch and save what to_dense() gives",
    "_rebuild_sparse_csr_tensor": "is a sparse tensor; load it with torch and save what to_dense() gives",
    "_rebuild_nested_tensor": "is a nested tensor, which has no shape; load it with torch and save its parts",
    "_rebuild_meta_tensor_no_storage": "is a tensor on the device \"meta\", of which the file has no data",
    "_rebuild_wrapper_subclass": "is a tensor of a class of its own; load it with its library and save plain tensors",
  ]

  /// Words of quantization and of layouts, which are arguments of what is not read.
  private static let words: Set<String> = [
    "per_tensor_affine", "per_channel_affine", "per_tensor_symmetric", "per_channel_symmetric",
    "per_channel_affine_float_qparams", "strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc",
  ]

  /// What is said of one that is on no list, behind its name.
  static func refusal(module: String, name: String) -> String {
    if module == "torch.storage", name == "_load_from_bytes" {
      return
        "is a file within the file, as copying and pickle.dump make of tensors; load it with torch and save it with "
        + "torch.save"
    }
    if ["torch.nn", "__main__", "transformers", "timm", "torchvision", "fairseq", "ultralytics"].contains(
      where: { module == $0 || module.hasPrefix($0 + ".") })
    {
      return
        "is a class of models: the file is a whole model with its code, not its weights, and no code of a file is run; "
        + "load it where the class is and save what it holds: torch.save(model.state_dict(), ...)"
    }
    return
      "is not among what files of weights need, and no code of a file is run; load it with torch where you trust the "
      + "file, and save the tensors alone: torch.save(model.state_dict(), ...)"
  }
}
