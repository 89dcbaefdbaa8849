internal import Architectures
internal import Bytes
internal import Tensors

/// What a transform makes of other tensors, as a source of parts.
final class TransformedPart: PartSource {
  private let transform: any TensorTransform
  private let inputs: TransformInputs
  let copiedEncoding: Encoding?

  init(_ transform: any TensorTransform, of tensors: [any PartSource], shape: [Int]) {
    self.transform = transform
    inputs = TransformInputs(shape: shape, tensors: tensors, memory: TransformMemory())
    copiedEncoding = Self.copiedEncoding(transform, tensors, shape)
  }

  /// The encoding of all inputs, where their lines are copied with their blocks.
  private static func copiedEncoding(
    _ transform: any TensorTransform, _ tensors: [any PartSource], _ shape: [Int]
  ) -> Encoding? {
    guard let rows = transform as? any RowTransform, let encoding = tensors.first?.copiedEncoding,
      tensors.allSatisfy({ $0.copiedEncoding == encoding })
    else { return nil }
    // Lines that end inside a block cannot change places.
    return rows.lineWidth(of: shape) % encoding.elementsPerBlock == 0 ? encoding : nil
  }

  var shape: [Int] { inputs.shape }

  var place: (path: String, name: String?) { inputs.tensors.first?.place ?? ("", nil) }

  /// Whether an adapter was put onto this.
  var isAdapted: Bool { transform is any AdapterTransform }

  /// What adapters were put onto.
  var unadapted: any PartSource {
    guard isAdapted, let base = inputs.tensors.first else { return self }
    return (base as? TransformedPart)?.unadapted ?? base
  }

  func read(_ part: RowPart, into values: inout MutableSpan<Float>, scratch: inout [UInt8]) throws(FileError) {
    try transform.read(part, of: inputs, into: &values, scratch: &scratch)
  }

  func readEncoded(_ part: RowPart, into bytes: inout MutableRawSpan) throws(FileError) {
    guard let rows = transform as? any RowTransform, let copiedEncoding else { throw hasNoStoredForm }
    try rows.readEncoded(part, of: inputs, copiedEncoding, into: &bytes)
  }
}

extension TensorInputs {
  /// What computes a derivation.
  /// - Throws: `FileError` when an input is missing or the parts do not fit each other.
  func parts(of derivation: Derivation) throws(FileError) -> any PartSource {
    switch derivation {
    case .source(let reference):
      return StoredPart(tensor: try tensor(reference), path: path(of: reference))
    case .made(let transform, let inputs):
      var parts: [any PartSource] = []
      for input in inputs { parts.append(try self.parts(of: input)) }
      return TransformedPart(transform, of: parts, shape: try shape(of: transform, inputs, parts.map(\.shape)))
    }
  }

  /// The shape that a derivation has, from the shapes of its inputs alone.
  func shape(of derivation: Derivation) throws(FileError) -> [Int] {
    switch derivation {
    case .source(let reference):
      return try tensor(reference).shape
    case .made(let transform, let inputs):
      var shapes: [[Int]] = []
      for input in inputs { shapes.append(try shape(of: input)) }
      return try shape(of: transform, inputs, shapes)
    }
  }

  private func shape(
    of transform: any TensorTransform, _ inputs: [Derivation], _ shapes: [[Int]]
  ) throws(FileError) -> [Int] {
    do throws(TransformRefusal) {
      return try transform.shape(of: shapes)
    } catch {
      let source = inputs.indices.contains(error.input) ? inputs[error.input].sources.first : nil
      throw FileError(
        .mismatch, path: source.map { path(of: $0) } ?? path(of: TensorReference("")), subject: source?.name,
        error.message)
    }
  }
}
