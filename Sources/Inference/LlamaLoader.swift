internal import Bytes
internal import Tensors

/// Gets tensors by name and compares their shapes with what the configuration asks for.
struct LlamaLoader {
  let modelName: String
  let weights: (String) throws(FileError) -> (any RowSource)?

  func tensor(_ name: String, _ shape: [Int]) throws(FileError) -> any RowSource {
    guard let source = try weights(name) else { throw FileError.noSuchTensor(name, in: modelName) }
    try check(source, name, shape)
    return source
  }

  /// All values of a vector.
  func vector(_ name: String, _ count: Int) throws(FileError) -> [Float] {
    try tensor(name, [count]).values()
  }

  /// The weight `NAME.weight` and, where there is one, the bias `NAME.bias`.
  func linear(_ name: String, _ shape: [Int]) throws(FileError) -> LinearLayer {
    LinearLayer(name: name + ".weight", weight: try tensor(name + ".weight", shape), bias: try bias(name, shape[0]))
  }

  func optionalLinear(_ name: String, _ shape: [Int]) throws(FileError) -> LinearLayer? {
    guard let source = try weights(name + ".weight") else { return nil }
    try check(source, name + ".weight", shape)
    return LinearLayer(name: name + ".weight", weight: source, bias: try bias(name, shape[0]))
  }

  private func bias(_ name: String, _ count: Int) throws(FileError) -> [Float]? {
    guard let source = try weights(name + ".bias") else { return nil }
    try check(source, name + ".bias", [count])
    return try source.values()
  }

  private func check(_ source: any RowSource, _ name: String, _ shape: [Int]) throws(FileError) {
    guard source.shape == shape else {
      throw FileError(
        .mismatch, path: modelName, subject: name,
        "the shape is \(source.shape), but the configuration asks for \(shape)")
    }
  }
}
