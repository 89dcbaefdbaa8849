/// By which program an adapter was written, and so what its files, tensors and settings are called.
enum AdapterSpelling: Sendable {
  /// A folder of PEFT.
  case peft
  /// A folder of mlx-lm.
  case mlx
  /// A GGUF, as llama.cpp reads it.
  case gguf

  /// As people know it.
  var name: String {
    switch self {
    case .peft: "PEFT"
    case .mlx: "MLX"
    case .gguf: "GGUF"
    }
  }
}
