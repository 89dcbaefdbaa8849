internal import Bytes

/// What an importance matrix says of the planned tensors, and what it does not.
struct PlannedImportance {
  private let matrix: ImportanceMatrix
  private var used = 0
  private var missing: [String] = []
  /// Tensors of which the matrix has an entry that says nothing.
  private var empty: [String] = []

  init(_ matrix: ImportanceMatrix) { self.matrix = matrix }

  /// The importance of each column of each matrix of a tensor that becomes `type`, whose encoder takes one; nil where
  /// there is none.
  /// - Throws: `FileError` when an entry has another size than the tensor, or the recipe cannot do without it.
  mutating func weights(
    for output: (name: String, originalName: String), shape: [Int], type: TargetType, _ recipe: Recipe
  ) throws(FileError) -> [Float]? {
    guard let columns = shape.last else { return nil }
    let matrices = shape.dropLast(2).reduce(1, *)
    let weights = try matrix.weights(for: output.originalName, columns: columns, matrices: matrices)
    guard let weights else {
      guard !recipe.needsImportance(name: output.name, type: type.name) else {
        throw FileError(
          .missing, path: matrix.name, subject: output.originalName,
          "the importance matrix has no entry for it, and \(type.name) is too few bits without", remedy: .chooseType)
      }
      if ![.output, .tokenEmbedding].contains(TensorRole(name: output.name)) {
        // Embeddings are looked up, not multiplied, and the output matrix is collected only on demand.
        missing.append(output.name)
      }
      return nil
    }
    used += 1
    if matrix.entries[output.originalName]?.sums.allSatisfy({ $0 == 0 }) == true { empty.append(output.name) }
    return weights
  }

  /// What the person should know.
  /// - Parameter names: the tensors of the model; nil for no check of the matrix's own names.
  /// - Throws: `FileError` when the matrix is of another model.
  func notes(ofModelWith names: Set<String>?) throws(FileError) -> [Note] {
    if used == 0, !missing.isEmpty {
      throw FileError(
        .mismatch, path: matrix.name,
        "has no entry for any tensor of the output, such as \(missing[0]); it seems to be of another model")
    }
    if used == 0 {
      return [Note("no tensor becomes a type whose encoder takes an importance matrix, so that it changes nothing")]
    }
    let unknown = matrix.weightNames.filter { names?.contains($0) == false }
    return [
      (missing, "encoded without importance, since the importance matrix has no entry"),
      (empty, "encoded as if all columns mattered alike, since the importance matrix has only zeros"),
      (unknown, "only in the importance matrix, not in the model"),
    ].compactMap { tensors, cause in tensors.isEmpty ? nil : Note(cause, of: tensors) }
  }
}
