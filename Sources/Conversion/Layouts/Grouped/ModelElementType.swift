internal import JSON
internal import Tensors

/// The element type that a model computes with, as config.json names it.
enum ModelElementType {
  static func of(_ config: JSONValue?) -> Encoding? {
    let name = (config?["dtype"] ?? config?["torch_dtype"])?.string
    switch name {
    case "float32": return .f32
    case "float16": return .f16
    case "bfloat16": return .bf16
    default: return nil
    }
  }
}
