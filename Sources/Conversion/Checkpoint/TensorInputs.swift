public import Architectures
public import Bytes

/// The tensors a derivation can name: those of the model, then those of each adapter.
public struct TensorInputs: Sendable {
  private let inputs: [Input]

  private struct Input {
    let path: String
    let tensors: [any StoredWeight]
    /// Numbers in `tensors`. A table of the tensors themselves would be the largest thing of a plan.
    let positions: [String: Int]

    init(_ path: String, _ tensors: [any StoredWeight]) {
      self.path = path
      self.tensors = tensors
      positions = Dictionary(
        tensors.indices.lazy.map { (tensors[$0].name, $0) }, uniquingKeysWith: { first, _ in first })
    }
  }

  public init(model path: String, tensors: [any StoredWeight]) {
    inputs = [Input(path, tensors)]
  }

  private init(inputs: [Input]) { self.inputs = inputs }

  /// These and the tensors of one more input.
  public func appending(_ path: String, tensors: [any StoredWeight]) -> TensorInputs {
    TensorInputs(inputs: inputs + [Input(path, tensors)])
  }

  /// These with other weights of the model under the same names.
  func replacing(_ weights: [String: any StoredWeight]) -> TensorInputs {
    guard let model = inputs.first else { return self }
    return TensorInputs(
      inputs: [Input(model.path, model.tensors.map { weights[$0.name] ?? $0 })] + inputs.dropFirst())
  }

  public var count: Int { inputs.count }

  /// - Throws: `FileError` when there is no such tensor.
  public func tensor(_ reference: TensorReference) throws(FileError) -> any StoredWeight {
    let input = inputs[reference.input]
    guard let position = input.positions[reference.name] else {
      throw FileError.noSuchTensor(reference.name, in: input.path)
    }
    return input.tensors[position]
  }

  public func path(of reference: TensorReference) -> String { inputs[reference.input].path }

  /// As what the weight behind a derivation is stored.
  public func typeName(of derivation: Derivation) throws(FileError) -> String {
    guard let first = derivation.sources.first else { return "computed" }
    return try tensor(first).typeName
  }

  func path(of derivation: Derivation) -> String {
    derivation.sources.first.map { path(of: $0) } ?? inputs[0].path
  }
}
