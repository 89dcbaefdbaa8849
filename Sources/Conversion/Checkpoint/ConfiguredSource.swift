internal import Bytes
internal import Tensors

/// The tensors that a configuration asks for, of which nothing but names, shapes and types is there.
struct ConfiguredSource: TensorSource {
  /// The file of the configuration.
  let name: String
  let tensors: [TensorDescriptor]
  private let places: [String: Int]

  init(name: String, tensors: [TensorDescriptor]) {
    self.name = name
    self.tensors = tensors
    places = Dictionary(tensors.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  func descriptor(of name: String) -> TensorDescriptor? { places[name].map { tensors[$0] } }

  /// Always throws: there are no weights.
  func read(_ name: String, at offset: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    throw FileError(
      .missing, path: self.name, subject: name, "only the configuration of the model is there, not its weights")
  }
}
