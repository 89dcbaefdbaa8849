internal import Architectures
internal import Bytes

/// Layers that are left out of a model; the ones behind them move up.
struct LayerPruning {
  /// The new number of each layer; nil for one that is left out.
  private let numbers: [Int?]

  /// - Throws: `FileError` when a layer is none of the model's, or none would be left.
  init(_ layers: Set<Int>, of layerCount: Int, path: String) throws(FileError) {
    if let wrong = layers.sorted().first(where: { !(0..<layerCount).contains($0) }) {
      throw FileError(
        .mismatch, path: path,
        "there is no layer \(wrong) to leave out; the last one is \(layerCount - 1)")
    }
    guard layers.count < layerCount else {
      throw FileError(.mismatch, path: path, "no layer would be left when \(layers.count) are left out")
    }
    var next = 0
    numbers = (0..<layerCount).map { layer in
      if layers.contains(layer) { return nil }
      defer { next += 1 }
      return next
    }
  }

  var remainingCount: Int { numbers.count { $0 != nil } }

  /// The name that a tensor of a GGUF has afterwards; nil for one that is left out.
  func name(for name: String) -> String? {
    let parts = name.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "blk", let layer = Int(parts[1]), numbers.indices.contains(layer) else {
      return name
    }
    return numbers[layer].map { "blk.\($0).\(parts[2])" }
  }
}

extension Recipe {
  /// Which layers are left out of `checkpoint`; nil where none is.
  func pruning(of checkpoint: Checkpoint) throws(FileError) -> LayerPruning? {
    guard !prunedLayers.isEmpty else { return nil }
    return try LayerPruning(prunedLayers, of: checkpoint.layerCount, path: checkpoint.path)
  }
}
