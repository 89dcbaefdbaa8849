public import Bytes
internal import Quantization

extension ImportanceMatrix {
  /// What was collected of layers, under the names of a GGUF. Experts of one weight are one entry.
  /// - Parameters:
  ///   - layers: each layer's name, an `ExpertName` for one of several, with what was seen of it: one count.
  ///   - names: `Checkpoint.ggufNames()`.
  /// - Throws: `FileError` when a layer is none of the model.
  public static func entries(
    of layers: [(name: String, entry: Entry)], _ names: [String: [String]], path: String
  ) throws(FileError) -> [String: Entry] {
    var entries: [String: Entry] = [:]
    var experts: [String: [Entry?]] = [:]
    for layer in layers {
      let expert = ExpertName(layer.name)
      let weight = expert?.weight ?? layer.name
      guard let found = names[weight] else { throw FileError.noSuchTensor(weight, in: path) }
      for name in found {
        guard let expert else {
          entries[name] = layer.entry
          continue
        }
        var seen = experts[name] ?? Array(repeating: nil, count: expert.count)
        let columns = seen.lazy.compactMap(\.self).first?.sums.count ?? layer.entry.sums.count
        guard seen.indices.contains(expert.number), layer.entry.sums.count == columns else {
          throw FileError.noSuchTensor(layer.name, in: path)
        }
        seen[expert.number] = layer.entry
        experts[name] = seen
      }
    }
    for (name, seen) in experts { entries[name] = Entry(matrices: seen) }
    return entries
  }
}

extension ImportanceMatrix.Entry {
  /// What was seen of a weight with experts.
  /// - Parameter matrices: one entry for each expert, nil for one that the text never reached; at least one is there.
  fileprivate init(matrices: [Self?]) {
    let seen = matrices.compactMap(\.self)
    let columns = seen.first?.sums.count ?? 0
    let counts = matrices.map { $0?.counts.first ?? 0 }
    if seen.allSatisfy({ $0.exactSums != nil }) {
      self.init(
        exactly: matrices.flatMap { $0?.exactSums ?? Array(repeating: .zero, count: columns) }, counts: counts)
    } else {
      self.init(sums: matrices.flatMap { $0?.sums ?? Array(repeating: 0, count: columns) }, counts: counts)
    }
  }
}
