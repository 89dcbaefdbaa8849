public import Architectures
public import Bytes

/// The tensors a derivation can name: those of the model, then those of each adapter.
public struct TensorInputs: Sendable {
  private let tables: [(path: String, tensors: [String: EncodedTensor])]

  public init(model path: String, tensors: [EncodedTensor]) {
    tables = [(path, Self.table(tensors))]
  }

  private init(tables: [(path: String, tensors: [String: EncodedTensor])]) { self.tables = tables }

  /// These and the tensors of one more input.
  public func appending(_ path: String, tensors: [EncodedTensor]) -> TensorInputs {
    TensorInputs(tables: tables + [(path, Self.table(tensors))])
  }

  private static func table(_ tensors: [EncodedTensor]) -> [String: EncodedTensor] {
    Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  public var count: Int { tables.count }

  /// - Throws: `FileError` when there is no such tensor.
  public func tensor(_ reference: TensorReference) throws(FileError) -> EncodedTensor {
    guard let tensor = tables[reference.input].tensors[reference.name] else {
      throw FileError.noSuchTensor(reference.name, in: tables[reference.input].path)
    }
    return tensor
  }

  public func path(of reference: TensorReference) -> String { tables[reference.input].path }

  /// As what the weight behind a derivation is stored.
  public func typeName(of derivation: Derivation) throws(FileError) -> String {
    guard let first = derivation.sources.first else { return "computed" }
    return try tensor(first).typeName
  }

  func path(of derivation: Derivation) -> String {
    derivation.sources.first.map { path(of: $0) } ?? tables[0].path
  }
}
