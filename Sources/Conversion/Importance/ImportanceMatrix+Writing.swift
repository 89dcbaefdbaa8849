public import Bytes
internal import GGUF
internal import Tensors

extension ImportanceMatrix {
  /// Writes the GGUF form, with the layout of llama-imatrix's own files. Counts of windows become counts of tokens.
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
    let values = weightNames.flatMap { weight in
      entries[weight].map { [$0.sums, $0.counts.map(Float.init)] } ?? []
    }
    do throws(FileError) {
      try file.header.withBytes { bytes throws(FileError) in try output.write(bytes, file: 0, at: 0) }
      for (tensor, values) in zip(file.tensors, values) {
        try values.withBytes { bytes throws(FileError) in try output.write(bytes, file: 0, at: tensor.offset) }
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
    var tensors: [TensorDescriptor] = []
    for weight in weightNames {
      guard let entry = entries[weight] else { continue }
      let (matrices, columns) = (entry.counts.count, entry.sums.count / entry.counts.count)
      // As ggml counts dimensions: outer ones of 1 are left out.
      tensors.append(
        try Self.descriptor(weight + Self.sumsSuffix, matrices == 1 ? [columns] : [matrices, columns], fileName))
      tensors.append(try Self.descriptor(weight + Self.countsSuffix, matrices == 1 ? [1] : [matrices, 1], fileName))
    }
    return try GGUFWriter.plan(metadata: metadata, tensors: tensors, name: fileName)[0]
  }

  private static func descriptor(_ name: String, _ shape: [Int], _ path: String) throws(FileError) -> TensorDescriptor {
    do throws(ShapeError) {
      return try TensorDescriptor(name: name, encoding: .f32, shape: shape)
    } catch {
      throw ImportanceRule.writing.broken(.unsupported, path: path, subject: name, error.description)
    }
  }
}
