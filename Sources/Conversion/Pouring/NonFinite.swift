public import Bytes
internal import Quantization
internal import Tensors

/// Values that are NaN or infinite.
public enum NonFinite {
  /// Reads a whole tensor, a slab at a time.
  /// - Throws: `FileError` naming tensor and element when a value is not finite.
  static func refuse(in tensor: any StoredWeight, path: String) throws(FileError) {
    guard let element = try firstElement(of: tensor) else { return }
    throw FileError(.malformed, path: path, subject: tensor.name, "element \(element) is NaN or infinite")
  }

  /// Reads every weight that `recipe` would quantize.
  /// - Returns: the output names of those that hold values that are not finite.
  public static func outputsToKeep(
    of checkpoint: Checkpoint, for destination: Destination, recipe: Recipe
  ) throws(FileError) -> Set<String> {
    let plan = try Plan(converting: checkpoint, to: destination, recipe: recipe)
    var names: Set<String> = []
    for tensor in plan.tensors {
      switch tensor.action {
      case .encode: break
      case .group(let output) where !output.isRepacked: break
      case .group, .copyRows, .copyStored: continue
      }
      if try firstElement(of: tensor.rows) != nil { names.insert(tensor.name) }
    }
    return names
  }

  /// The number of the first element that is not finite; nil where all are.
  private static func firstElement(of tensor: some RowSource) throws(FileError) -> Int? {
    let size = tensor.slabElements(atMost: DerivedTensor.slabElements)
    var values = [Float](repeating: 0, count: min(size, tensor.elementCount))
    var scratch: [UInt8] = []
    for start in stride(from: 0, to: tensor.elementCount, by: size) {
      let elements = start..<min(start + size, tensor.elementCount)
      var span = values.mutableSpan
      var part = span._mutatingExtracting(0..<elements.count)
      try tensor.read(elements: elements, into: &part, scratch: &scratch)
      if let index = KernelSet.best.firstNonFinite(in: part.span) { return start + index }
    }
    return nil
  }
}
