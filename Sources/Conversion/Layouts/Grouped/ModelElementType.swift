internal import JSON
internal import Tensors

/// The element type that a model computes with.
enum ModelElementType {
  /// As config.json names it.
  static func of(_ config: JSONValue?) -> Encoding? {
    (config?["dtype"] ?? config?["torch_dtype"])?.string.flatMap(named)
  }

  /// As torch calls it.
  static func named(_ name: String) -> Encoding? {
    switch name {
    case "float32": return .f32
    case "float16": return .f16
    case "bfloat16": return .bf16
    default: return nil
    }
  }
}
