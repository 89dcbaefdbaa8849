internal import Conversion
internal import FuzzSupport

extension ModelsTargets {
  static let importanceMatrix = FuzzTarget(
    "importance-matrix", seeds: ["Formats/GGUF/Fixtures/importance", "Tests/Fixtures/llama-imatrix.gguf"]
  ) { bytes in
    let matrix = try ImportanceMatrix(InputBytes(bytes))
    for (name, entry) in matrix.entries {
      let columns = entry.sums.count / entry.counts.count
      let weights = try FuzzFinding.ifThrows("does not fit itself") {
        try matrix.weights(for: name, columns: columns, matrices: entry.counts.count)
      }
      try FuzzFinding.unless(
        weights?.allSatisfy { $0.isFinite && $0 >= 0 } == true, "\(name) has weights that are none")
    }
    _ = try ImportanceMatrix.merged([matrix, matrix])
  }
}
