public import Bytes
internal import Quantization
internal import Tensors

/// Values that are NaN or infinite.
public enum NonFinite {
  /// Reads a whole tensor.
  /// - Throws: `FileError` naming tensor and element when a value is not finite.
  static func refuse(in tensor: EncodedTensor, path: String) throws(FileError) {
    let step = max(1, slabElements / max(1, tensor.columns))
    var values = [Float](repeating: 0, count: min(step, tensor.rowCount) * tensor.columns)
    var scratch: [UInt8] = []
    for start in stride(from: 0, to: tensor.rowCount, by: step) {
      let rows = start..<min(start + step, tensor.rowCount)
      var span = values.mutableSpan
      var part = span._mutatingExtracting(0..<rows.count * tensor.columns)
      try tensor.read(rows: rows, into: &part, scratch: &scratch)
      if let index = KernelSet.best.firstNonFinite(in: part.span) {
        throw FileError(
          .malformed, path: path, subject: tensor.name,
          "element \(start * tensor.columns + index) is NaN or infinite")
      }
    }
  }

  /// Values that are looked at at a time: an adapter may hold a whole embedding.
  private static let slabElements = 1 << 20

  /// Reads every weight that `recipe` would quantize.
  /// - Returns: the output names of those that hold values that are not finite.
  public static func outputsToKeep(
    of checkpoint: Checkpoint, for destination: Destination, recipe: Recipe
  ) throws(FileError) -> Set<String> {
    let plan = try Plan(converting: checkpoint, to: destination, recipe: recipe)
    var names: Set<String> = []
    var scratch: [UInt8] = []
    var values: [Float] = []
    for tensor in plan.tensors {
      guard case .encode = tensor.action else { continue }
      let rows = max(1, (1 << 19) / max(1, tensor.rows.columns))
      var first = 0
      while first < tensor.rows.rowCount {
        let range = first..<min(first + rows, tensor.rows.rowCount)
        let count = range.count * tensor.rows.columns
        if values.count < count { values = [Float](repeating: 0, count: count) }
        var span = values.mutableSpan
        var part = span._mutatingExtracting(0..<count)
        try tensor.rows.read(rows: range, into: &part, scratch: &scratch)
        if KernelSet.best.firstNonFinite(in: values.span.extracting(0..<count)) != nil {
          names.insert(tensor.name)
          break
        }
        first = range.upperBound
      }
    }
    return names
  }
}
