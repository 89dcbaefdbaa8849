public import Bytes
internal import Quantization
internal import Tensors

/// Values that are NaN or infinite.
public enum NonFinite {
  /// Reads a whole tensor.
  /// - Throws: `FileError` naming tensor and element when a value is not finite.
  static func refuse(in tensor: EncodedTensor, path: String) throws(FileError) {
    let values = try tensor.values()
    if let index = KernelSet.best.firstNonFinite(in: values.span) {
      throw FileError(.malformed, path: path, subject: tensor.name, "element \(index) is NaN or infinite")
    }
  }

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
