public import Bytes

/// Where an output goes and what becomes of it.
public struct Destination: Sendable {
  public let path: String
  public let container: Container
  /// Longest file, where the person sets one.
  public var maximumFileBytes: Int?
  /// Whether an output that is there already is replaced.
  public let replacesExisting: Bool
  /// Whether the output says how it was made.
  public let recordsProvenance: Bool

  /// - Parameter container: nil to let the name of the output decide.
  public init(
    path: String, container: Container? = nil, maximumFileBytes: Int? = nil, replacesExisting: Bool = false,
    recordsProvenance: Bool = true
  ) {
    self.path = path
    self.container = container ?? Container.forOutput(path)
    self.maximumFileBytes = maximumFileBytes
    self.replacesExisting = replacesExisting
    self.recordsProvenance = recordsProvenance
  }

  /// A file or split set of files; a folder otherwise. GGUF files have no folder of their own.
  public var isFile: Bool { container.isFile(path) }

  /// The folder that the files are put into, or the new folder itself.
  var folder: String { isFile ? FileSystem.parent(path) : path }

  /// Looks at where the output goes, before anything is written.
  /// - Parameter plan: nil where there is none, so that the space that it takes is not known.
  /// - Throws: `FileError` when there is no folder to hold the output, nothing may be written there, or the disk has too
  ///   little space.
  public func checkRoom(for plan: Plan?) throws(FileError) {
    try StagedOutput.check(isFile ? .files : .folder, in: folder, files: plan?.stagedFiles ?? [])
  }

  /// Bytes that can still be written there; nil where the system does not say.
  public var freeBytes: Int? { FileSystem.freeBytes(at: FileSystem.parent(path)) }

  /// - Parameter inputs: every path that is read.
  /// - Throws: `FileError` when the output is one of the inputs, lies in one or holds one, or is there and must not be
  ///   replaced.
  func check(against inputs: [String]) throws(FileError) {
    try FileOutput.checkName(of: path)
    if isFile { try FileOutput.checkNameOfFile(path) }
    let inputs = InputPaths(inputs)
    try inputs.refuse(output: path)
    if let input = inputs.first(around: path) {
      throw FileError(
        .exists, path: path, "lies inside the input \(input), which would be another model then; choose another place")
    }
    if !isFile {
      try inputs.refuse(stagingIn: StagedOutput.hiddenPaths(.folder, in: path, files: []), of: path)
      guard !FileSystem.isLink(path) else {
        throw FileError(.exists, path: path, "is a link; name the folder it leads to")
      }
    }
    guard FileSystem.isTaken(path) else { return }
    if isFile, FileSystem.isFolder(path) {
      throw FileError(.exists, path: path, "is a folder, and the output is a file; name a file")
    }
    if !isFile, FileSystem.isEmptyFolder(path) { return try checkReplaceable() }
    guard replacesExisting else { throw FileError(.exists, path: path, "is there already", remedy: .replaceExisting) }
    try checkReplaceable()
  }

  /// - Throws: `FileError` when one of the output's files cannot be written beside what is there.
  func check(files: [StagedOutput.File], against inputs: [String]) throws(FileError) {
    guard isFile else { return }
    for file in files {
      try FileOutput(FileSystem.join(folder, file.name), replacing: replacesExisting).check(against: inputs)
    }
  }

  /// - Throws: `FileError` when what is there is more than a model, so that its name was hardly meant.
  private func checkReplaceable() throws(FileError) {
    guard FileSystem.isFolder(path) else { return }
    guard !FileSystem.isMountPoint(path) else {
      throw FileError(.exists, path: path, "is where a disk is mounted, which cannot be replaced; name a folder in it")
    }
    let names = try FileSystem.names(inFolder: path)
    let foreign = names.first { name in
      let path = FileSystem.join(path, name)
      return FileSystem.isFolder(path) ? !ModelFolder.hasFolder(path) : !ModelFolder.hasFile(named: name)
    }
    if let foreign {
      throw FileError(
        .exists, path: path,
        "holds \(FileError.quoted(foreign)), which is not a file of a model and would be lost; "
          + "choose another name")
    }
    guard names.isEmpty || names.contains(where: ModelFolder.isWeights) else {
      throw FileError(
        .exists, path: path, "holds files but no weights, and they would be lost; choose another name")
    }
  }
}
