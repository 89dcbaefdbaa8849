public import Bytes
internal import GGUF
internal import Quantization
internal import Tensors

extension ImportanceMatrix {
  static let sumsSuffix = ".in_sum2"
  static let countsSuffix = ".counts"
  static let type = "imatrix"
  static let datasetsKey = "imatrix.datasets"
  static let chunkCountKey = "imatrix.chunk_count"
  static let chunkSizeKey = "imatrix.chunk_size"
  /// No text has so many tokens. Sums of counts below it cannot overflow unnoticed.
  static let largestCount = 1 << 48

  /// Reads a file in either form: GGUF, or the binary one that llama-imatrix wrote before.
  /// - Throws: `FileError` when it is neither, or breaks a rule.
  public init(path: String) throws(FileError) {
    if try FileSystem.isFile(path), try CalibrationFile(ifThereIsOneAt: path) != nil {
      throw FileError(.unsupported, path: path, "is a calibration, which is given with --calibration")
    }
    let bytes = try Packing.open(path)
    if let answer = FailedDownload.answer(in: try bytes.bytes(at: 0, count: min(512, bytes.byteCount))) {
      throw FileError(.malformed, path: path, answer)
    }
    try self.init(bytes)
  }

  /// Reads either form.
  package init(_ bytes: any ByteSource) throws(FileError) {
    let start = try bytes.bytes(at: 0, count: min(4, bytes.byteCount))
    if start == Array("GGUF".utf8) {
      try self.init(GGUFSource(GGUFFile(bytes)))
    } else {
      try self.init(oldForm: bytes)
    }
  }

  /// - Parameter source: an opened GGUF.
  init(_ source: GGUFSource) throws(FileError) {
    let path = source.name
    let metadata = source.metadata
    if let type = try metadata.string("general.type"), type != Self.type {
      throw ImportanceRule.form.broken(
        .unsupported, path: path, subject: "general.type", "is \(FileError.quoted(type)); no importance matrix")
    }
    let part = try ImportancePart(metadata, path: path)
    var entries: [String: Entry] = [:]
    for tensor in source.tensors {
      if let weight = tensor.name.dropping(suffix: Self.sumsSuffix) {
        let entry = try Self.entry(weight, sums: tensor, in: source)
        entries[weight] = part == nil ? entry : try Self.exact(entry, weight, in: source)
      } else if let weight = tensor.name.dropping(suffix: Self.countsSuffix),
        source.descriptor(of: weight + Self.sumsSuffix) == nil
      {
        throw ImportanceRule.pairs.broken(
          path: path, subject: tensor.name, "there is no \(FileError.quoted(weight + Self.sumsSuffix)) beside it")
      }
    }
    guard !entries.isEmpty || part != nil else {
      throw ImportanceRule.form.broken(
        .unsupported, path: path, "no tensor's name ends in \(Self.sumsSuffix): this is not an importance matrix")
    }
    guard let datasets = try metadata.stringBytes(Self.datasetsKey) else {
      throw ImportanceRule.metadata.broken(.missing, path: path, subject: Self.datasetsKey, "there is no such key")
    }
    let chunkCount = try Self.count(Self.chunkCountKey, atLeast: 0, in: metadata, path: path)
    // Where there are more parts than windows, some have read nothing.
    guard !entries.isEmpty || chunkCount == 0 else {
      throw ImportanceRule.part.broken(path: path, "has no entry, but has read \(chunkCount) windows")
    }
    self.init(
      name: path, entries: entries, datasets: datasets.map { String(decoding: $0, as: UTF8.self) },
      chunkCount: chunkCount, chunkSize: try Self.count(Self.chunkSizeKey, atLeast: 1, in: metadata, path: path),
      part: part)
  }

  private static func count(_ key: String, atLeast least: Int, in metadata: GGUFMetadata, path: String)
    throws(FileError) -> Int
  {
    guard let value = try metadata.unsigned(key) else {
      throw ImportanceRule.metadata.broken(.missing, path: path, subject: key, "there is no such key")
    }
    guard let count = Int(exactly: value), (least...Int(UInt32.max)).contains(count) else {
      throw ImportanceRule.metadata.broken(
        path: path, subject: key, "is \(value); from \(least) to \(UInt32.max) is expected")
    }
    return count
  }

  private static func entry(_ weight: String, sums: TensorDescriptor, in source: GGUFSource) throws(FileError) -> Entry
  {
    let path = source.name
    guard !weight.isEmpty else {
      throw ImportanceRule.pairs.broken(path: path, subject: sums.name, "the tensor names no weight")
    }
    guard let counts = source.descriptor(of: weight + countsSuffix) else {
      throw ImportanceRule.pairs.broken(
        path: path, subject: sums.name, "there is no \(FileError.quoted(weight + countsSuffix)) beside it")
    }
    for tensor in [sums, counts] where tensor.encoding != .f32 {
      throw ImportanceRule.pairs.broken(
        path: path, subject: tensor.name, "is of type \(tensor.encoding); f32 is expected")
    }
    guard counts.elementCount > 0, sums.elementCount > 0, sums.elementCount.isMultiple(of: counts.elementCount) else {
      throw ImportanceRule.sizes.broken(
        path: path, subject: counts.name,
        "\(counts.elementCount) counts for \(sums.elementCount) sums: there must be as many sums for each count")
    }
    return Entry(
      sums: try checked(sums: try floats(sums.name, in: source), of: sums.name, path: path),
      counts: try floats(counts.name, in: source).map { value throws(FileError) in
        guard let count = Int(exactly: value), (0...largestCount).contains(count) else {
          throw ImportanceRule.counts.broken(
            path: path, subject: counts.name, "a count is \(value); a whole number from 0 to 2^48 is expected")
        }
        return count
      })
  }

  /// An entry with what a part has of it beside: sums before they were rounded, and counts.
  private static func exact(_ entry: Entry, _ weight: String, in source: GGUFSource) throws(FileError) -> Entry {
    let limbs = try integers(ImportancePart.sumsName(of: weight), count: 2 * entry.sums.count, in: source)
    let sums = entry.sums.indices.compactMap {
      SquareSum(Int128(limbs[2 * $0 + 1]) << 64 | Int128(UInt64(bitPattern: limbs[2 * $0])))
    }
    let counts = try integers(ImportancePart.countsName(of: weight), count: entry.counts.count, in: source).map {
      Int($0)
    }
    guard counts.allSatisfy({ (0...largestCount).contains($0) }),
      counts.map({ Float($0) }) == entry.counts.map({ Float($0) })
    else {
      throw ImportanceRule.part.broken(
        path: source.name, subject: ImportancePart.countsName(of: weight), "are not the counts that the entry has")
    }
    guard sums.count == entry.sums.count, sums.map(\.rounded) == entry.sums else {
      throw ImportanceRule.part.broken(
        path: source.name, subject: ImportancePart.sumsName(of: weight), "are not the sums that the entry has, rounded")
    }
    return Entry(exactly: sums, counts: counts)
  }

  private static func integers(_ name: String, count: Int, in source: GGUFSource) throws(FileError) -> [Int64] {
    guard let tensor = source.descriptor(of: name) else {
      throw ImportanceRule.part.broken(
        .missing, path: source.name, subject: name, "there is no such tensor in this part")
    }
    guard tensor.encoding == .i64, tensor.elementCount == count else {
      throw ImportanceRule.part.broken(
        path: source.name, subject: name,
        "has \(tensor.elementCount) elements of type \(tensor.encoding); \(count) of i64 are expected")
    }
    let bytes = try source.bytes(of: name)
    return bytes.withBytes { [Int64](bytes: $0) }
  }

  private static func floats(_ name: String, in source: GGUFSource) throws(FileError) -> [Float] {
    let bytes = try source.bytes(of: name)
    return bytes.withBytes { [Float](bytes: $0) }
  }

  /// - Throws: `FileError` when a sum is negative, infinite or not a number.
  static func checked(sums: [Float], of subject: String, path: String, at offset: Int? = nil) throws(FileError)
    -> [Float]
  {
    if let column = sums.firstIndex(where: { !($0.isFinite && $0 >= 0) }) {
      throw ImportanceRule.sums.broken(
        path: path, subject: subject, at: offset.map { $0 + 4 * column },
        "sum \(column) is \(sums[column]); sums of squares are finite and not negative")
    }
    return sums
  }
}

extension String {
  /// What is before `suffix`; nil where this does not end with it.
  func dropping(suffix: String) -> String? {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : nil
  }
}
