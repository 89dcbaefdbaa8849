public import Bytes

extension ImportanceMatrix {
  /// What was collected of layers, under the names of a GGUF. Experts of one weight are one entry.
  /// - Parameters:
  ///   - layers: each layer's name, an `ExpertName` for one of several, with sums of squares and the tokens in them.
  ///   - names: `Checkpoint.ggufNames()`.
  /// - Throws: `FileError` when a layer is none of the model.
  public static func entries(
    of layers: [(name: String, sums: [Float], tokens: Int)], _ names: [String: [String]], path: String
  ) throws(FileError) -> [String: Entry] {
    var entries: [String: Entry] = [:]
    var experts: [String: (sums: [[Float]], counts: [Int])] = [:]
    for layer in layers {
      let expert = ExpertName(layer.name)
      let weight = expert?.weight ?? layer.name
      guard let found = names[weight] else { throw FileError.noSuchTensor(weight, in: path) }
      for name in found {
        guard let expert else {
          entries[name] = .init(sums: layer.sums, counts: [layer.tokens])
          continue
        }
        var entry =
          experts[name]
          ?? (
            Array(repeating: Array(repeating: 0, count: layer.sums.count), count: expert.count),
            Array(repeating: 0, count: expert.count)
          )
        guard entry.counts.indices.contains(expert.number), entry.sums[expert.number].count == layer.sums.count else {
          throw FileError.noSuchTensor(layer.name, in: path)
        }
        entry.sums[expert.number] = layer.sums
        entry.counts[expert.number] = layer.tokens
        experts[name] = entry
      }
    }
    for (name, entry) in experts { entries[name] = .init(sums: entry.sums.flatMap { $0 }, counts: entry.counts) }
    return entries
  }
}
