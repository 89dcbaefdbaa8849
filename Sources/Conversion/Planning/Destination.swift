public import Bytes

/// Where an output goes and what becomes of it.
public struct Destination: Sendable {
  public let path: String
  public let container: Container
  /// Longest file, where the person sets one.
  public var maximumFileBytes: Int?
  /// Number of files, each about as much work; nil where their length decides, or nothing does.
  public var fileCount: Int?
  /// Whether an output that is there already is replaced.
  public let replacesExisting: Bool
  /// Whether the output says how it was made.
  public let recordsProvenance: Bool

  /// - Parameter container: nil to let the name of the output decide.
  public init(
    path: String, container: Container? = nil, maximumFileBytes: Int? = nil, fileCount: Int? = nil,
    replacesExisting: Bool = false,
    recordsProvenance: Bool = true
  ) {
    self.path = path
    self.container = container ?? Container.forOutput(path)
    self.maximumFileBytes = maximumFileBytes
    self.fileCount = fileCount
    self.replacesExisting = replacesExisting
    self.recordsProvenance = recordsProvenance
  }

  /// A file or split set of files; a folder otherwise. GGUF files have no folder of their own.
  public var isFile: Bool { container.isFile(path) }

  /// The folder that the files are put into, or the new folder itself.
  var folder: String { isFile ? FileSystem.parent(path) : path }

  /// Looks at where the output goes, before anything is written.
  /// - Parameters:
  ///   - plan: nil where there is none, so that the space that it takes is not known.
  ///   - besides: bytes that are needed there meanwhile.
  /// - Throws: `FileError` when there is no folder to hold the output, nothing may be written there, or the disk has too
  ///   little space.
  public func checkRoom(for plan: Plan?, besides: Int = 0) throws(FileError) {
    try StagedOutput.check(isFile ? .files : .folder, in: folder, files: plan?.stagedFiles ?? [], besides: besides)
  }

  /// - Throws: `FileError` when another file that a job writes is the output, or lies in it.
  public func refuse(besides other: String) throws(FileError) {
    let folder = isFile ? nil : path
    let isWithin = try folder.map { folder throws(FileError) in
      try FileSystem.isTaken(folder) ? InputPaths([folder]).first(around: other) != nil : false
    }
    let isSame = try FileOutput(other, replacing: false).hasSamePlace(as: path)
    guard isWithin != true, !isSame else {
      throw FileError(.exists, path: other, "is the output \(path), or lies in it; give it another name")
    }
  }

  /// Takes the hidden names beside the output, for what a job makes for itself.
  /// - Parameter inputs: every path that is read.
  /// - Throws: `FileError` when an input has one of them, another run does, or something else is there.
  public func hiddenOutputs(reading inputs: [String]) throws(FileError) -> HiddenOutputs {
    let ending = isFile ? container.fileEnding : ""
    try InputPaths(inputs).refuse(
      stagingIn: HiddenOutputs.paths(beside: path, isFolder: !isFile, ending: ending), of: path)
    return try HiddenOutputs(beside: path, isFolder: !isFile, ending: ending)
  }

  /// Where such an output is written; one file, where the container has files.
  public func hidden(_ part: HiddenOutputs.Part) -> Destination {
    Destination(
      path: HiddenOutputs.path(part, beside: path, isFolder: !isFile, ending: isFile ? container.fileEnding : ""),
      container: container, maximumFileBytes: isFile ? nil : maximumFileBytes,
      replacesExisting: true, recordsProvenance: false)
  }

  /// Bytes that can still be written there; nil where the system does not say.
  public var freeBytes: Int? { FileSystem.freeBytes(at: FileSystem.parent(path)) }

  /// - Parameter inputs: every path that is read.
  /// - Throws: `FileError` when the output is one of the inputs, lies in one or holds one, or is there and must not be
  ///   replaced.
  func check(against inputs: [String]) throws(FileError) {
    try FileOutput.checkName(of: path)
    try FileOutput.checkIsNotPacked(path)
    if isFile { try FileOutput.checkNameOfFile(path) }
    let inputs = InputPaths(inputs)
    try inputs.refuse(output: path)
    if let input = try inputs.first(around: path) {
      throw FileError(
        .exists, path: path, "lies inside the input \(input), which would be another model then; choose another place")
    }
    if !isFile {
      try inputs.refuse(stagingIn: StagedOutput.hiddenPaths(.folder, in: path, files: []), of: path)
    }
    let files = [StagedOutput.File(name: FileSystem.lastComponent(path), byteCount: nil)]
    // What cannot be replaced is told before what may not be.
    try StagedOutput.checkTarget(isFile ? .files : .folder, in: folder, files: files, replacing: true)
    _ = try contentsToReplace()
    // Files of a set have other names.
    if !isFile || (fileCount == nil && maximumFileBytes == nil) {
      try StagedOutput.checkTarget(isFile ? .files : .folder, in: folder, files: files, replacing: replacesExisting)
    }
    if !isFile { try StagedOutput.checkHidden(.folder, in: folder, files: []) }
  }

  /// - Throws: `FileError` when one of the output's files cannot be written beside what is there.
  func check(files: [StagedOutput.File], against inputs: [String]) throws(FileError) {
    guard isFile else { return }
    let inputs = InputPaths(inputs)
    for file in files { try inputs.refuse(output: FileSystem.join(folder, file.name)) }
    try inputs.refuse(stagingIn: StagedOutput.hiddenPaths(.files, in: folder, files: files), of: path)
    try StagedOutput.checkTarget(.files, in: folder, files: files, replacing: replacesExisting)
    try StagedOutput.checkHidden(.files, in: folder, files: files)
    let name = FileSystem.lastComponent(path)
    guard let first = files.first?.name, !files.contains(where: { $0.name == name }), try FileSystem.isTaken(path)
    else {
      return
    }
    throw FileError(
      .exists, path: path,
      "is there already, and would stay beside the files of the set, \(first) and so on: two models of one name; remove it, or "
        + "name another output")
  }

  /// What a folder that is to be replaced holds; nil where there is none.
  /// - Throws: `FileError` when that is more than a model, so that its name was hardly meant.
  func contentsToReplace() throws(FileError) -> FolderContents? {
    guard !isFile, try FileSystem.isTaken(path) else { return nil }
    guard try !FileSystem.isMountPoint(path) else {
      throw FileError(.exists, path: path, "is where a disk is mounted, which cannot be replaced; name a folder in it")
    }
    // First, so that what is put there from now on is seen to be new.
    let contents = try FolderContents(of: path)
    let names = try FileSystem.names(inFolder: path)
    for name in names {
      let inner = FileSystem.join(path, name)
      guard try ModelFolder.hasFile(named: name) ? FileSystem.isFileOrLink(inner) : ModelFolder.hasFolder(inner) else {
        throw FileError(
          .exists, path: path,
          "holds \(FileError.quoted(name)), which is not a file of a model and would be lost; choose another name")
      }
    }
    guard names.isEmpty || names.contains(where: ModelFolder.isWeights) else {
      throw FileError(
        .exists, path: path, "holds files but no weights, and they would be lost; choose another name")
    }
    return contents
  }
}
