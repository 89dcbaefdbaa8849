internal import Architectures
public import Bytes

extension Recipe {
  /// This with the importance that its calibration is beside all else.
  func withCalibratedImportance(of checkpoint: Checkpoint) throws(FileError) -> Recipe {
    guard let calibration else { return self }
    var result = self
    result.importance = try calibration.importance(of: checkpoint)
    return result
  }
}

extension Calibration {
  /// The importance matrix that a calibration is beside all else: the squares of what layers are given.
  /// - Parameter checkpoint: the model that it is of.
  /// - Throws: `FileError` when it is of another model, or cannot be read.
  public func importance(of checkpoint: Checkpoint) throws(FileError) -> ImportanceMatrix {
    let linears = try checkpoint.requireModel().forwardPass(path: checkpoint.path).linears
    let names = try checkpoint.ggufNames()
    var layers: [(name: String, entry: ImportanceMatrix.Entry)] = []
    // Parts of one tensor are given the same. For the head llama-imatrix collects nothing either.
    for linear in linears.dropLast() where !linear.key.contains("#") {
      guard let squares = try squares(of: linear.key), let tokens = try tokens(of: linear.key) else { continue }
      let shape = linear.linear.weight.shape
      guard squares.count == shape.last else {
        throw FileError(
          .mismatch, path: path, subject: linear.key,
          "has \(squares.count) columns, and \(shape.last ?? 0) in \(checkpoint.path): it was made with another model, \(FileError.quoted(settings.model))"
        )
      }
      layers.append((linear.key, .init(sums: squares.map { $0 * Float(tokens) }, counts: [tokens])))
    }
    guard !layers.isEmpty else {
      throw FileError(
        .mismatch, path: path,
        "knows no linear layer of \(checkpoint.path), such as \(linears.first?.key ?? ""); it seems to be of another model"
      )
    }
    return ImportanceMatrix(
      name: name, entries: try ImportanceMatrix.entries(of: layers, names, path: path),
      datasets: settings.texts.map(\.name),
      chunkCount: settings.texts.reduce(0) { $0 + $1.tokens } / max(1, settings.context), chunkSize: settings.context)
  }
}
