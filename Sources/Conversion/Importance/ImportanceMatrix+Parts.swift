public import Bytes
internal import GGUF

extension ImportanceMatrix {
  /// What the parts of one job are together: the matrix that the job makes as a whole, whatever the number of parts. One
  /// part after the other is read.
  /// - Parameters:
  ///   - folder: holds all parts of one job.
  ///   - name: what messages call the whole.
  /// - Throws: `FileError` when a part is missing, there twice or of another job, or breaks a rule.
  public static func assembled(
    partsIn folder: PartsFolder, name: String = "importance matrix"
  ) throws(FileError) -> ImportanceMatrix {
    let parts = try parts(in: folder)
    var whole: ImportanceMatrix?
    for path in parts {
      let part = try ImportanceMatrix(path: path)
      guard let before = whole else {
        whole = part
        continue
      }
      whole = try merged([before, part], name: name, countingTexts: false)
    }
    guard let whole else { throw FileError(.missing, path: folder.path, "has no part of an importance matrix") }
    // One part alone is rounded already, but is none of a job any more.
    return try merged([whole], name: name)
  }

  /// Whether the sums are those of another matrix, over as many windows.
  public func isSame(as other: ImportanceMatrix) -> Bool {
    chunkCount == other.chunkCount && weightNames == other.weightNames
      && weightNames.allSatisfy { entries[$0]?.sums == other.entries[$0]?.sums }
  }

  /// Paths of the parts in a folder, in order: all of one job, each once.
  private static func parts(in folder: PartsFolder) throws(FileError) -> [String] {
    var paths: [Int: String] = [:]
    var first: (job: ImportancePart, path: String)?
    for path in try folder.matrixPaths() {
      let source = try GGUFSource(path: path)
      guard let job = try ImportancePart(source.metadata, path: path) else {
        throw ImportanceRule.assembling.broken(
          path: path, subject: ImportancePart.partKey, "there is no such key: this is no part; move it away")
      }
      if let first, first.job.plan != job.plan || first.job.part.count != job.part.count {
        throw ImportanceRule.assembling.broken(
          .mismatch, path: path,
          "is part \(job.part) of another job than \(FileError.quoted(first.path)), part \(first.job.part): of another "
            + "model, text or version, with other options or on another kind of processor; make the one that is wrong again"
        )
      }
      first = first ?? (job, path)
      if let other = paths.updateValue(path, forKey: job.part.number) {
        throw ImportanceRule.assembling.broken(
          .mismatch, path: path,
          "is part \(job.part), and so is \(FileError.quoted(other)); remove one of them")
      }
    }
    guard let count = first?.job.part.count else {
      throw FileError(.missing, path: folder.path, "has no part of an importance matrix")
    }
    let missing = (1...count).filter { paths[$0] == nil }
    guard missing.isEmpty else {
      throw ImportanceRule.assembling.broken(
        .missing, path: folder.path,
        "\(Part.listed(missing)) of \(count) \(missing.count == 1 ? "is" : "are") not there; make what is missing first"
      )
    }
    return (1...count).compactMap { paths[$0] }
  }
}
