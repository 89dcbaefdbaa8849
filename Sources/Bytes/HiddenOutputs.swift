/// Hidden files beside an output that a job makes for itself and removes.
///
/// One job at a time has them: an empty file, `.NAME.lock`, keeps others out for as long as this is alive. Where a run that was killed has left
/// it, what has their names is of that run, and is removed; otherwise it is somebody's. Signals are only taken note of meanwhile, so that
/// nothing is left.
public final class HiddenOutputs: Sendable {
  public enum Part: String, CaseIterable, Sendable {
    /// An output that is tried.
    case trial
    /// An output that another one is measured against.
    case reference
    /// A calibration for one output.
    case calibration
  }

  private let target: String
  private let isFolder: Bool
  private let ending: String
  private let lock: LockFile

  /// - Parameters:
  ///   - target: the output.
  ///   - isFolder: whether it is one.
  ///   - ending: of files of its container.
  /// - Throws: `FileError` with the code `exists` while another run has them, or something has one of the names.
  public init(beside target: String, isFolder: Bool, ending: String) throws(FileError) {
    self.target = target
    self.isFolder = isFolder
    self.ending = ending
    let held = try LockFile(for: target)
    do throws(FileError) {
      for part in Part.allCases {
        try Self.clear(part, beside: target, isFolder: isFolder, ending: ending, isLeft: held.wasThere)
      }
    } catch {
      try? held.remove()
      throw error
    }
    // Only now there is something to be removed at the end: before, what is there is somebody's.
    lock = held
    Interruption.outputBegins()
  }

  deinit {
    // What cannot be removed is known by the lock that stays.
    let isEmpty = Part.allCases.allSatisfy { part in
      (try? Self.clear(part, beside: target, isFolder: isFolder, ending: ending, isLeft: true)) != nil
    }
    if isEmpty { try? lock.remove() }
    Interruption.outputEnds()
  }

  /// All names that may be made beside an output, before they have theirs too.
  public static func paths(beside target: String, isFolder: Bool, ending: String) -> [String] {
    Part.allCases.flatMap { part in
      let path = path(part, beside: target, isFolder: isFolder, ending: ending)
      return [path] + place(of: part, path, isFolder: isFolder).hidden
    }
  }

  /// Where a part is.
  public static func path(_ part: Part, beside target: String, isFolder: Bool, ending: String) -> String {
    let name = ".\(FileSystem.lastComponent(target)).\(part.rawValue)"
    return FileSystem.join(FileSystem.parent(target), part == .calibration || isFolder ? name : name + ending)
  }

  private static func place(of part: Part, _ path: String, isFolder: Bool) -> OutputPlaces {
    guard isFolder, part != .calibration else {
      return OutputPlaces(
        .files, FileSystem.parent(path), [.init(name: FileSystem.lastComponent(path), byteCount: nil)])
    }
    return OutputPlaces(.folder, path, [])
  }

  /// Removes a part, complete or not.
  /// - Parameter isLeft: whether what has its name is of a run of this output.
  private static func clear(
    _ part: Part, beside target: String, isFolder: Bool, ending: String, isLeft: Bool
  ) throws(FileError) {
    let path = path(part, beside: target, isFolder: isFolder, ending: ending)
    let isInFolder = isFolder && part != .calibration
    if let status = try SystemCall.status(ofPath: path, followingLinks: false) {
      guard isLeft, status.kind == (isInFolder ? .folder : .file) else { throw OutputPlaces.inTheWay(path) }
      if isInFolder { try SystemCall.removeFolder(path) } else { try SystemCall.removeFile(path) }
    }
    let file = StagedOutput.File(name: FileSystem.lastComponent(path), byteCount: nil)
    try StagedOutput.removeLeft(
      isInFolder ? .folder : .files, in: isInFolder ? path : FileSystem.parent(path), files: isInFolder ? [] : [file])
  }
}
