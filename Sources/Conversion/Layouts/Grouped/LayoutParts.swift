internal import Bytes
internal import JSON
internal import Quantization
internal import Tensors

/// The stored tensors of one module, for a layout that puts a weight together from them.
struct LayoutParts {
  /// The module's path: a weight `P.weight` and its parts begin with it.
  let module: String
  /// What the layout is called in messages.
  let layout: String
  let source: any TensorSource

  var weightName: String { module + ".weight" }

  /// A part of the module, nil where there is none.
  func part(_ ending: String) -> TensorDescriptor? { source.descriptor(of: module + ending) }

  /// - Throws: `FileError` where there is none.
  func require(_ ending: String, for whole: String) throws(FileError) -> TensorDescriptor {
    if let part = part(ending) { return part }
    throw LayoutRule.parts.broken(
      .missing, path: source.name, subject: module + ending, "is not there, though \(whole) is, a weight of \(layout)")
  }

  /// - Throws: `FileError` for an empty matrix: nobody quantizes one, and beside a dimension of 0 the others may be of any size.
  func requireElements(_ codes: TensorDescriptor) throws(FileError) {
    guard codes.elementCount == 0 else { return }
    throw mismatch(codes, "codes, which an empty tensor does not have")
  }

  /// - Throws: `FileError` where a part has another shape or none of the types.
  func check(
    _ part: TensorDescriptor, _ encodings: [Encoding], _ shape: [Int], _ rule: LayoutRule = .parts
  ) throws(FileError) {
    guard encodings.contains(part.encoding), part.shape == shape else {
      throw mismatch(
        part, "\(shape) of \(encodings.map(\.name).joined(separator: " or "))", rule)
    }
  }

  /// The error of a part that is another than it should be.
  func mismatch(_ part: TensorDescriptor, _ expected: String, _ rule: LayoutRule = .parts) -> FileError {
    rule.broken(
      .mismatch, path: source.name, subject: part.name,
      "has shape \(part.shape) of \(part.encoding.name), but \(layout) needs \(expected)")
  }

  /// The one scale that a part of F32 holds.
  func scale(_ part: TensorDescriptor) throws(FileError) -> Float {
    guard part.encoding == .f32, part.elementCount == 1 else { throw mismatch(part, "one number of f32") }
    let value = NumberFormat.float(.f32).decode(try source.bytes(of: part.name)).first ?? .nan
    guard value.isFinite, value > 0 else {
      throw LayoutRule.wholeScale.broken(
        .malformed, path: source.name, subject: part.name, "is \(value), which is no scale")
    }
    return value
  }
}

/// Floats that scales may be stored as.
let scaleEncodings: [Encoding] = [.f16, .bf16, .f32]
