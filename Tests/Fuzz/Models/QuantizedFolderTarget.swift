internal import Bytes
internal import Conversion
internal import FuzzSupport
internal import Safetensors
internal import Tensors

extension ModelsTargets {
  /// Folders of a config.json and one file of safetensors: what the one says of the other, in every layout that is read.
  static let quantizedFolders = FuzzTarget("quantized-folders", seeds: ["Tests/Fuzz/Seeds/quantized-folders"]) {
    bytes in
    let folder = try DescribedFolder(bytes)
    let file = try SafetensorsFile(InputBytes(folder.safetensors))
    let weights = try WeightLayouts.weights(
      of: file, config: folder.config, beside: BesideConfig(fileMetadata: file.metadata, files: folder.files)
    ).weights
    try FuzzFinding.unless(Set(weights.map(\.name)).count == weights.count, "two weights have one name")
    let stored = weights.flatMap(\.storedNames)
    try FuzzFinding.unless(Set(stored).count == stored.count, "a tensor belongs to two weights")
    try FuzzFinding.unless(
      Set(stored) == Set(file.tensors.map(\.name)), "a tensor belongs to no weight, or is not there")
    for weight in weights where weight.refusalToDecode == nil && weight.elementCount <= 1 << 16 {
      try checkParts(of: weight)
    }
  }

  /// Ranges of elements, which begin and end within rows, groups and words, are read as they are in the whole.
  private static func checkParts(of weight: any StoredWeight) throws(FuzzFinding) {
    let whole = try FuzzFinding.ifThrows("\(weight.name) cannot be read") { try weight.values() }
    try FuzzFinding.unless(whole.count == weight.elementCount, "\(weight.name) has other elements than its shape")
    let (count, columns) = (whole.count, weight.columns)
    var scratch: [UInt8] = []
    for range in [0..<1, count / 3..<2 * count / 3, columns - 1..<columns + 1, count - 1..<count]
    where range.lowerBound >= 0 && range.upperBound <= count {
      var values = [Float](repeating: 0, count: range.count)
      var span = values.mutableSpan
      try FuzzFinding.ifThrows("elements \(range) of \(weight.name) cannot be read") {
        try weight.read(elements: range, into: &span, scratch: &scratch)
      }
      // Bits are compared, as NaN is not itself.
      try FuzzFinding.unless(
        values.map(\.bitPattern) == whole[range].map(\.bitPattern),
        "elements \(range) of \(weight.name) are others alone")
    }
  }
}
