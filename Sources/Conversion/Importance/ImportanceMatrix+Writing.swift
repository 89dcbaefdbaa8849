public import Bytes
internal import GGUF
internal import Quantization
internal import Tensors

extension ImportanceMatrix {
  /// Writes the GGUF form, with the layout of llama-imatrix's own files. Counts of windows become counts of tokens. A part
  /// has exact sums and counts beside.
  /// - Parameters:
  ///   - replacing: whether a file that has the name may be replaced.
  ///   - reading: paths of files that it was made of. Who may not read one of them may not read the matrix.
  /// - Returns: what is left beside the file and could not be removed.
  /// - Throws: `FileError` when a name is too long, or the file cannot be written.
  @discardableResult
  public func write(to path: String, replacing: Bool, reading: [String] = []) throws(FileError) -> [FileError] {
    guard chunkSize != nil else {
      return try Self.merged([self], name: name).write(to: path, replacing: replacing, reading: reading)
    }
    let file = try planned(as: FileSystem.lastComponent(path))
    let output = try StagedOutput(
      .files, in: FileSystem.parent(path), files: [.init(name: file.name, byteCount: file.byteCount)],
      reading: reading, replacing: replacing)
    do throws(FileError) {
      try file.header.withBytes { bytes throws(FileError) in try output.write(bytes, file: 0, at: 0) }
      var rest = file.tensors[...]
      for weight in weightNames {
        guard let entry = entries[weight] else { continue }
        for values in [entry.sums, entry.counts.map(Float.init)] {
          guard let tensor = rest.popFirst() else { continue }
          try values.withBytes { bytes throws(FileError) in try output.write(bytes, file: 0, at: tensor.offset) }
        }
        for values in part == nil ? [] : [entry.limbs, entry.counts.map(Int64.init)] {
          guard let tensor = rest.popFirst() else { continue }
          try values.withBytes { bytes throws(FileError) in try output.write(bytes, file: 0, at: tensor.offset) }
        }
      }
      return try output.commit()
    } catch {
      throw output.stopped(by: error)
    }
  }

  /// The names of the file's tensors and where they lie: of each weight, sums before counts.
  private func planned(as fileName: String) throws(FileError) -> PlannedFile {
    guard let chunkCount = UInt32(exactly: chunkCount), let chunkSize = UInt32(exactly: chunkSize ?? 0) else {
      throw ImportanceRule.writing.broken(
        .unsupported, path: fileName, subject: Self.chunkCountKey,
        "\(self.chunkCount) windows are more than 32 bits count")
    }
    var metadata = GGUFMetadata()
    metadata["general.type"] = .string(Self.type)
    metadata[Self.datasetsKey] = .strings(datasetNames)
    metadata[Self.chunkCountKey] = .uint32(chunkCount)
    metadata[Self.chunkSizeKey] = .uint32(chunkSize)
    if let part {
      metadata[ImportancePart.partKey] = .string(part.part.description)
      metadata[ImportancePart.planKey] = .string(part.plan)
    }
    var tensors: [TensorDescriptor] = []
    for weight in weightNames {
      guard let entry = entries[weight] else { continue }
      let (matrices, columns) = (entry.counts.count, entry.sums.count / entry.counts.count)
      // As ggml counts dimensions: outer ones of 1 are left out.
      tensors.append(
        try Self.descriptor(weight + Self.sumsSuffix, matrices == 1 ? [columns] : [matrices, columns], fileName))
      tensors.append(try Self.descriptor(weight + Self.countsSuffix, matrices == 1 ? [1] : [matrices, 1], fileName))
      guard part != nil else { continue }
      precondition(entry.exactSums != nil, "a part knows its exact sums")
      tensors.append(
        try Self.descriptor(
          ImportancePart.sumsName(of: weight), matrices == 1 ? [columns, 2] : [matrices, columns, 2], fileName, .i64))
      tensors.append(try Self.descriptor(ImportancePart.countsName(of: weight), [matrices], fileName, .i64))
    }
    return try GGUFWriter.plan(metadata: metadata, tensors: tensors, name: fileName)[0]
  }

  private static func descriptor(
    _ name: String, _ shape: [Int], _ path: String, _ encoding: Encoding = .f32
  ) throws(FileError) -> TensorDescriptor {
    do throws(ShapeError) {
      return try TensorDescriptor(name: name, encoding: encoding, shape: shape)
    } catch {
      throw ImportanceRule.writing.broken(.unsupported, path: path, subject: name, error.description)
    }
  }
}

extension ImportanceMatrix.Entry {
  /// The exact sums, two limbs each, the lower first.
  fileprivate var limbs: [Int64] {
    (exactSums ?? []).flatMap { [Int64(truncatingIfNeeded: $0.units), Int64($0.units >> 64)] }
  }
}
