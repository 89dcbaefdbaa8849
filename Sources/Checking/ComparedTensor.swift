internal import Architectures
internal import Bytes
internal import Conversion
internal import Tensors

/// One tensor of a model that is held against that of another: a weight as it is stored, or as it follows from such.
struct ComparedTensor: Sendable {
  let name: String
  /// What it is stored as.
  let type: String
  let rows: any RowSource
  let canDecode: Bool
  /// nil for a derived one.
  private let weight: (any StoredWeight)?
  private let derived: DerivedTensor?

  var shape: [Int] { rows.shape }

  init(_ weight: any StoredWeight) {
    name = weight.name
    type = weight.typeName
    rows = weight
    canDecode = weight.refusalToDecode == nil
    self.weight = weight
    derived = nil
  }

  /// A tensor of the Hugging Face form.
  /// - Throws: `FileError` when it cannot be derived.
  init(_ tensor: NamedDerivation, of checkpoint: Checkpoint) throws(FileError) {
    let derived = try DerivedTensor(tensor.derivation, inputs: checkpoint.inputs)
    name = tensor.name
    type = try checkpoint.inputs.typeName(of: tensor.derivation)
    rows = derived
    var canDecode = true
    for reference in tensor.derivation.sources {
      if try checkpoint.inputs.tensor(reference).refusalToDecode != nil { canDecode = false }
    }
    self.canDecode = canDecode
    weight = nil
    self.derived = derived
  }

  /// Bytes or elements that are compared at a time.
  private static let partCount = 1 << 20

  /// Whether another one is a weight of other stored tensors, in the spelling of another library.
  func isSpelledOtherwise(than other: ComparedTensor) -> Bool {
    guard let weight, let second = other.weight else { return false }
    return weight.storedNames != second.storedNames
  }

  /// Whether another one is stored in the same bytes, which is found out a part at a time until one differs.
  func hasSameBytes(as other: ComparedTensor) throws(FileError) -> Bool {
    guard shape == other.shape, type == other.type else { return false }
    if let weight, let second = other.weight { return try Self.haveSameBytes(weight, second) }
    guard let derived, let second = other.derived, let encoding = derived.copiedEncoding,
      encoding == second.copiedEncoding
    else { return false }
    let step = derived.slabElements(atMost: Self.partCount) / encoding.elementsPerBlock * encoding.elementsPerBlock
    for start in stride(from: 0, to: derived.elementCount, by: max(step, encoding.elementsPerBlock)) {
      let elements = start..<min(start + max(step, encoding.elementsPerBlock), derived.elementCount)
      guard let count = encoding.byteCount(elements: elements.count) else { return false }
      try Interruption.check(name)
      let (one, other) = (try Self.encoded(derived, elements, count), try Self.encoded(second, elements, count))
      guard one == other else { return false }
    }
    return true
  }

  private static func encoded(
    _ tensor: DerivedTensor, _ elements: Range<Int>, _ count: Int
  ) throws(FileError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withMutableBytes { span throws(FileError) in try tensor.readEncoded(elements: elements, into: &span) }
    return bytes
  }

  /// All stored tensors of both, codes and scales.
  private static func haveSameBytes(_ one: any StoredWeight, _ other: any StoredWeight) throws(FileError) -> Bool {
    guard one.storedNames == other.storedNames else { return false }
    for name in one.storedNames {
      guard let descriptor = one.source.descriptor(of: name), descriptor == other.source.descriptor(of: name) else {
        return false
      }
      var own = [UInt8](repeating: 0, count: min(partCount, descriptor.byteCount))
      var theirs = own
      for start in stride(from: 0, to: descriptor.byteCount, by: partCount) {
        try Interruption.check(one.source.name)
        let count = min(partCount, descriptor.byteCount - start)
        try own.withMutableBytes(in: 0..<count) { bytes throws(FileError) in
          try one.source.read(name, at: start, into: &bytes)
        }
        try theirs.withMutableBytes(in: 0..<count) { bytes throws(FileError) in
          try other.source.read(name, at: start, into: &bytes)
        }
        let isSame = own.withBytes(in: 0..<count) { one in
          theirs.withBytes(in: 0..<count) { other in one.firstDifference(from: other) == nil }
        }
        guard isSame else { return false }
      }
    }
    return true
  }
}
