import Bytes
import Foundation
import TestSupport
import Testing

struct StagedOutputTests {
  static func fill(_ output: StagedOutput, _ contents: [String]) throws(FileError) {
    for (number, content) in contents.enumerated() {
      try Array(content.utf8).withBytes { span throws(FileError) in try output.write(span, file: number, at: 0) }
    }
  }

  static func text(_ folder: TemporaryFolder, _ name: String) throws -> String {
    String(decoding: try folder.read(name), as: UTF8.self)
  }

  @Test func theTargetAppearsWithCommit() throws {
    let folder = try TemporaryFolder()
    let output = try StagedOutput(
      .files, in: folder.path, files: [.init(name: "a", byteCount: 3), .init(name: "b", byteCount: nil)],
      replacing: false)
    try Self.fill(output, ["one", "two"])
    #expect(try folder.names() == [".a.partial", ".a.partial.journal", ".b.partial"])
    try output.commit()
    #expect(try folder.names() == ["a", "b"])
    #expect(try Self.text(folder, "a") == "one")
    #expect(try Self.text(folder, "b") == "two")
  }

  @Test("Files so long that the disk is set to work before commit()")
  func longFiles() throws {
    let folder = try TemporaryFolder()
    let part = 1 << 20
    let partCount = 70
    let output = try StagedOutput(
      .files, in: folder.path, files: ["a", "b"].map { .init(name: $0, byteCount: part * partCount) }, replacing: false)
    for number in 0..<partCount {
      let bytes = [UInt8](repeating: UInt8(number), count: part)
      try bytes.withBytes { span throws(FileError) in
        try output.write(span, file: 0, at: number * part)
        try output.write(span, file: 1, at: (partCount - 1 - number) * part)
      }
    }
    try output.commit()
    let (ascending, descending) = (Array(try folder.read("a")), Array(try folder.read("b")))
    #expect(ascending.count == part * partCount)
    for number in 0..<partCount {
      for place in [number * part, (number + 1) * part - 1] { #expect(ascending[place] == UInt8(number)) }
    }
    #expect(descending == ascending.reversed())
  }

  @Test func droppedWithoutCommitItLeavesNothing() throws {
    let folder = try TemporaryFolder()
    do {
      let output = try StagedOutput(.files, in: folder.path, files: [.init(name: "a", byteCount: 3)], replacing: false)
      try Self.fill(output, ["one"])
    }
    #expect(try folder.names() == [])
    do {
      _ = try StagedOutput(.folder, in: folder.file("f"), files: [.init(name: "a", byteCount: 3)], replacing: false)
    }
    #expect(try folder.names() == [])
  }

  @Test func theTargetIsUntouchedUntilCommit() throws {
    let folder = try TemporaryFolder()
    try folder.write("old".utf8, to: "a")
    do {
      let dropped = try StagedOutput(.files, in: folder.path, files: [.init(name: "a", byteCount: 3)], replacing: true)
      try Self.fill(dropped, ["new"])
      #expect(try Self.text(folder, "a") == "old")
    }
    #expect(try folder.names() == ["a"])
    #expect(try Self.text(folder, "a") == "old")
    let output = try StagedOutput(.files, in: folder.path, files: [.init(name: "a", byteCount: 3)], replacing: true)
    try Self.fill(output, ["new"])
    // Who has the old file open keeps reading the old file.
    let reader = try InputFile(path: folder.file("a"))
    try output.commit()
    #expect(try Self.text(folder, "a") == "new")
    #expect(try reader.bytes(at: 0, count: 3) == Array("old".utf8))
  }

  @Test("What is there is refused", arguments: [StagedOutput.Kind.files, .folder])
  func existing(kind: StagedOutput.Kind) throws {
    let folder = try TemporaryFolder()
    if kind == .folder { try folder.makeFolder("a") }
    try folder.write("old".utf8, to: kind == .files ? "a" : "a/model.safetensors")
    let error = try #require(throws: FileError.self) { _ = try Self.output(kind, in: folder, replacing: false) }
    #expect(error.code == .exists)
    #expect(error.remedies == [.replaceExisting])
    #expect(try folder.names() == ["a"])
  }

  /// An output called `a`.
  static func output(
    _ kind: StagedOutput.Kind, in folder: TemporaryFolder, replacing: Bool, sources: [InputFile] = [],
    fingerprint: String? = nil
  ) throws(FileError) -> StagedOutput {
    try StagedOutput(
      kind, in: kind == .files ? folder.path : folder.file("a"), files: [.init(name: "a", byteCount: 3)],
      sources: sources, replacing: replacing, fingerprint: fingerprint)
  }

  /// What can have a name and is no output of that kind.
  enum Occupant: String, CaseIterable {
    case pipe, unixSocket, device, link, danglingLink, other

    func make(at path: String, _ kind: StagedOutput.Kind) throws {
      switch self {
      case .pipe: try #require(mkfifo(path, 0o644) == 0)
      case .unixSocket:
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        try #require(path.utf8.count < MemoryLayout.size(ofValue: address.sun_path))
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
          pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
          }
        }
        #expect(result == 0)
      // A link to it, so that no test is ever in the way of the machine's own.
      case .device: try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/dev/null")
      case .link:
        try FileManager.default.createDirectory(atPath: path + "-real", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path + "-real")
      case .danglingLink: try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "nowhere")
      case .other:
        if kind == .files {
          try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } else {
          try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
        }
      }
    }
  }

  @Test(
    "What no such output can be put in place of is left alone, whatever is allowed, and nothing else is suggested",
    arguments: Occupant.allCases, [StagedOutput.Kind.files, .folder])
  func occupied(_ occupant: Occupant, _ kind: StagedOutput.Kind) throws {
    let folder = try TemporaryFolder()
    try occupant.make(at: folder.file("a"), kind)
    let names = try folder.names()
    for replacing in [false, true] {
      let error = try #require(throws: FileError.self) { _ = try Self.output(kind, in: folder, replacing: replacing) }
      #expect(error.code == .exists)
      #expect(error.remedies.isEmpty)
      #expect(error.description.contains("choose another name"), "\(error)")
      #expect(try folder.names() == names)
    }
  }

  @Test("What takes the name while the output is written is not replaced", arguments: Occupant.allCases)
  func occupiedMeanwhile(_ occupant: Occupant) throws {
    for kind in [StagedOutput.Kind.files, .folder] {
      let folder = try TemporaryFolder()
      let output = try Self.output(kind, in: folder, replacing: true)
      try occupant.make(at: folder.file("a"), kind)
      let names = try folder.names()
      let error = try #require(throws: FileError.self) { try output.commit() }
      #expect(error.code == .exists, "\(error)")
      #expect(try folder.names() == names)
    }
  }

  @Test func aTargetThatAppearsMeanwhileIsNotReplaced() throws {
    let folder = try TemporaryFolder()
    do {
      let output = try StagedOutput(.files, in: folder.path, files: [.init(name: "a", byteCount: 3)], replacing: false)
      try folder.write("other".utf8, to: "a")
      let error = try #require(throws: FileError.self) { try output.commit() }
      #expect(error.code == .exists)
    }
    #expect(try folder.names() == ["a"])
    #expect(try Self.text(folder, "a") == "other")
  }

  @Test func aWholeFolderIsReplaced() throws {
    let folder = try TemporaryFolder()
    for (content, name) in [("one", "a"), ("two", "b")] {
      let output = try StagedOutput(
        .folder, in: folder.file("f"), files: [.init(name: name, byteCount: nil)], replacing: true)
      try Self.fill(output, [content])
      try output.commit()
    }
    #expect(try folder.names() == ["f"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("f")) == ["b"])
    #expect(try Self.text(folder, "f/b") == "two")
  }

  @Test("Two runs do not write one target", arguments: [StagedOutput.Kind.files, .folder])
  func locked(kind: StagedOutput.Kind) throws {
    let folder = try TemporaryFolder()
    let target = kind == .files ? folder.path : folder.file("f")
    let first = try StagedOutput(kind, in: target, files: [.init(name: "a", byteCount: 3)], replacing: true)
    try Self.fill(first, ["one"])
    let error = try #require(throws: FileError.self) {
      _ = try StagedOutput(kind, in: target, files: [.init(name: "a", byteCount: 3)], replacing: true)
    }
    #expect(error.code == .exists)
    try first.commit()
    #expect(try Self.text(folder, kind == .files ? "a" : "f/a") == "one")
    let second = try StagedOutput(kind, in: target, files: [.init(name: "a", byteCount: 3)], replacing: true)
    try Self.fill(second, ["two"])
    try second.commit()
    #expect(try Self.text(folder, kind == .files ? "a" : "f/a") == "two")
  }

  @Test func aLinkInPlaceOfTheStagedFileIsNotFollowed() throws {
    let folder = try TemporaryFolder()
    try folder.write("precious".utf8, to: "elsewhere")
    try FileManager.default.createSymbolicLink(
      atPath: folder.file(".a.partial"), withDestinationPath: folder.file("elsewhere"))
    #expect(throws: FileError.self) {
      _ = try StagedOutput(.files, in: folder.path, files: [.init(name: "a", byteCount: 3)], replacing: true)
    }
    #expect(try Self.text(folder, "elsewhere") == "precious")
  }

  @Test func moreThanTheDiskHoldsIsRefusedAtOnce() throws {
    let folder = try TemporaryFolder()
    for counts in [[Int.max / 2], [Int.max, Int.max]] {
      let files = counts.enumerated().map { StagedOutput.File(name: "\($0.offset)", byteCount: $0.element) }
      let error = try #require(throws: FileError.self) {
        _ = try StagedOutput(.files, in: folder.path, files: files, replacing: false)
      }
      #expect(error.code == .system)
    }
    #expect(try folder.names() == [])
  }

  @Test func aFolderMustBeThere() throws {
    let folder = try TemporaryFolder()
    let error = try #require(throws: FileError.self) {
      _ = try StagedOutput(.files, in: folder.file("none"), files: [.init(name: "a", byteCount: 3)], replacing: false)
    }
    #expect(error.code == .missing)
  }

  @Test("What is known of a target before anything is written, all of it at once")
  func aLookAtTheTarget() throws {
    let folder = try TemporaryFolder()
    let files = [StagedOutput.File(name: "a", byteCount: .max / 2)]
    let error = try #require(throws: FileError.self) {
      // The first call looks at the folder itself.
      try SystemFaults.$current.withValue(SystemFaults(.forbidden, .examine) { $0 == 1 }) {
        try StagedOutput.check(.files, in: folder.path, files: files)
      }
    }
    #expect(error.message.contains("permission denied"))
    #expect(error.others.map(\.message).contains { $0.contains("bytes are to be written") })
    #expect(throws: FileError.self) { try StagedOutput.check(.folder, in: folder.file("none/new"), files: []) }
    try StagedOutput.check(.folder, in: folder.file("new"), files: [.init(name: "a", byteCount: 3)])
    #expect(try folder.names() == [])
  }

  // MARK: - Sets

  private static let set = ["1", "2", "3"]

  private static func newSet(
    in folder: TemporaryFolder, replacing: Bool = true, fingerprint: String? = nil
  ) throws(FileError) -> StagedOutput {
    try StagedOutput(
      .files, in: folder.path, files: set.map { .init(name: $0, byteCount: 3) }, replacing: replacing,
      fingerprint: fingerprint)
  }

  private static func contents(_ folder: TemporaryFolder) throws -> [String] {
    try set.compactMap { try folder.names().contains($0) ? try text(folder, $0) : nil }
  }

  @Test("A set that cannot be replaced is there as it was, whichever call fails")
  func setsAreNotMixed() throws {
    for call in [SystemFaults.Call.rename, .synchronize] {
      for failing in 0..<6 {
        let folder = try TemporaryFolder()
        for name in Self.set { try folder.write("old".utf8, to: name) }
        let output = try Self.newSet(in: folder)
        try Self.fill(output, ["new", "new", "new"])
        let isSafe = SystemFaults.$current.withValue(SystemFaults(.ioError, call) { $0 == failing }) {
          do throws(FileError) {
            try output.commit()
            return true
          } catch { return error.message.contains("is complete") }
        }
        _ = output.stopped(by: FileError(.system, path: "", ""))
        #expect(try Self.contents(folder) == Array(repeating: isSafe ? "new" : "old", count: 3), "\(call) \(failing)")
        #expect(try folder.names() == Self.set, "\(call) \(failing)")
      }
    }
  }

  /// The names that a run may have left which was killed while it gave its files their names: so many steps of it.
  @Test(
    "After a kill while a set gets its names the next run of the job puts that right", arguments: 0..<8, [true, false])
  func killedWhilePlacing(_ steps: Int, _ isReplaced: Bool) throws {
    let folder = try TemporaryFolder()
    if isReplaced { for name in Self.set { try folder.write("old".utf8, to: name) } }
    let output = try Self.newSet(in: folder, replacing: isReplaced, fingerprint: "job")
    try Self.fill(output, ["new", "new", "new"])
    try output.finish(item: 0)
    // All old ones move aside, then the new ones come; what was replaced is removed last. From the kill on nothing succeeds.
    let all = isReplaced ? 6 : 3
    let (call, passing) = steps < all ? (SystemFaults.Call.rename, steps) : (.remove, steps - all)
    _ = SystemFaults.$current.withValue(SystemFaults(.ioError, call) { $0 >= passing }) {
      try? output.commit()
    }
    if steps < all { #expect(output.keep()) }
    // Nobody reads old and new ones as one set.
    if try folder.names().contains("1") {
      #expect(try Set(Self.contents(folder)).count == 1)
    }
    guard isReplaced || steps < all else { return }
    if isReplaced, steps > 0, steps < all {
      // Without leave to replace it, a set that is being replaced is told from one that is not there.
      let error = try #require(throws: FileError.self) { _ = try Self.newSet(in: folder, replacing: false) }
      #expect(error.message.contains("was being replaced") && error.remedies == [.replaceExisting], "\(error)")
    }
    let again = try Self.newSet(in: folder, replacing: isReplaced, fingerprint: "job")
    #expect(
      try Self.contents(folder) == (steps >= all ? ["new", "new", "new"] : isReplaced ? ["old", "old", "old"] : []))
    #expect(again.finishedItems.isEmpty == (steps >= all))
    if steps >= all { try Self.fill(again, ["new", "new", "new"]) }
    try again.commit()
    #expect(try Self.contents(folder) == ["new", "new", "new"])
    #expect(try folder.names() == Self.set)
  }

  // MARK: - Names that are somebody's

  @Test(
    "What has a name that an output needs, and is of no run, is left alone",
    arguments: [StagedOutput.Kind.files, .folder],
    ["", ".journal", ".old"])
  func foreignNames(_ kind: StagedOutput.Kind, _ ending: String) throws {
    for (isLinked, fingerprint) in [(false, nil), (false, "job"), (true, nil), (true, "job")] as [(Bool, String?)] {
      let folder = try TemporaryFolder()
      let staged = kind == .files ? ".a.partial" : ".a.partial/a"
      // A single file moves nothing aside.
      let name = ending.isEmpty ? staged : ".a.partial" + ending
      if kind == .folder, ending.isEmpty { try folder.makeFolder(".a.partial") }
      try folder.write("precious".utf8, to: isLinked ? "precious" : name)
      if isLinked {
        try FileManager.default.linkItem(atPath: folder.file("precious"), toPath: folder.file(name))
      }
      let before = try folder.names()
      if kind == .files, ending == ".old" {
        try Self.output(kind, in: folder, replacing: true, fingerprint: fingerprint).commit()
      } else {
        let error = try #require(throws: FileError.self) {
          _ = try Self.output(kind, in: folder, replacing: true, fingerprint: fingerprint)
        }
        #expect(
          error.path == folder.file(name) && error.code == .exists && error.message.contains("in the way"), "\(error)")
        #expect(try folder.names() == before)
      }
      #expect(try Self.text(folder, name) == "precious")
    }
  }

  @Test("What is put where a set's old files make room is left alone", arguments: [false, true])
  func foreignNamesOfSets(_ isPutLater: Bool) throws {
    let folder = try TemporaryFolder()
    for name in Self.set { try folder.write("old".utf8, to: name) }
    if !isPutLater { try folder.write("precious".utf8, to: ".2.old") }
    let error = try #require(throws: FileError.self) {
      let output = try Self.newSet(in: folder)
      try Self.fill(output, ["new", "new", "new"])
      try folder.write("precious".utf8, to: ".2.old")
      try output.commit()
    }
    #expect(error.path.hasSuffix("2.old") && error.message.contains("in the way"), "\(error)")
    #expect(try Self.contents(folder) == ["old", "old", "old"])
    #expect(try Self.text(folder, ".2.old") == "precious")
    #expect(try folder.names() == [".2.old"] + Self.set)
  }

  @Test("After a kill before the old folder is removed, only what was in it is", arguments: [nil, "new", "sub/new"])
  func killedBeforeCleaningUp(_ stranger: String?) throws {
    let folder = try TemporaryFolder()
    try folder.makeFolder("a/sub")
    for name in ["a/a", "a/old", "a/sub/other"] { try folder.write("old".utf8, to: name) }
    let output = try Self.output(.folder, in: folder, replacing: true)
    try Self.fill(output, ["one"])
    _ = try SystemFaults.$current.withValue(SystemFaults(.ioError, .remove) { _ in true }) { try output.commit() }
    #expect(try Self.text(folder, "a/a") == "one")
    #expect(try Self.text(folder, ".a.partial/sub/other") == "old")
    if let stranger {
      // By a program that was at work in the old folder.
      try folder.write("precious".utf8, to: ".a.partial/" + stranger)
      for _ in 0..<2 {
        let error = try #require(throws: FileError.self) { _ = try Self.output(.folder, in: folder, replacing: true) }
        #expect(error.path.hasSuffix(stranger) && error.message.contains("in the way"), "\(error)")
        #expect(try Self.text(folder, ".a.partial/" + stranger) == "precious")
        #expect(try Self.text(folder, ".a.partial/sub/other") == "old")
      }
      try folder.remove(".a.partial/" + stranger)
    }
    let again = try Self.output(.folder, in: folder, replacing: true)
    try Self.fill(again, ["two"])
    try again.commit()
    #expect(try folder.names() == ["a"])
    #expect(try Self.text(folder, "a/a") == "two")
  }

  @Test(
    "What a killed run of another job has left is replaced", arguments: [StagedOutput.Kind.files, .folder],
    [nil, "job"])
  func leftByAnotherJob(_ kind: StagedOutput.Kind, _ fingerprint: String?) throws {
    let folder = try TemporaryFolder()
    let first = try Self.output(kind, in: folder, replacing: true, fingerprint: "other job")
    try Self.fill(first, ["one"])
    try first.finish(item: 0)
    #expect(first.keep())
    let second = try Self.output(kind, in: folder, replacing: true, fingerprint: fingerprint)
    #expect(second.finishedItems.isEmpty)
    try Self.fill(second, ["two"])
    try second.commit()
    #expect(try folder.names() == ["a"])
    #expect(try Self.text(folder, kind == .files ? "a" : "a/a") == "two")
  }

  @Test("A journal that is cut off or damaged anywhere is gone on with, begun anew or left alone")
  func damagedJournals() throws {
    let folder = try TemporaryFolder()
    var journal: [UInt8] = []
    for place in 0..<100 where place == 0 || place < 2 * journal.count {
      let first = try Self.output(.files, in: folder, replacing: true, fingerprint: "job")
      try Self.fill(first, ["one"])
      for item in 0..<3 { try first.finish(item: item, note: "note") }
      #expect(first.keep())
      journal = Array(try folder.read(".a.partial.journal"))
      // Cut off here, or with another byte there.
      let spot = place / 2 * journal.count / 50
      var damaged = Array(journal.prefix(place.isMultiple(of: 2) ? spot : journal.count))
      if !place.isMultiple(of: 2) { damaged[spot] ^= 0x41 }
      try folder.write(damaged, to: ".a.partial.journal")
      do {
        let second = try Self.output(.files, in: folder, replacing: true, fingerprint: "job")
        try Self.fill(second, ["two"])
        try second.commit()
        #expect(try Self.text(folder, "a") == "two")
        #expect(try folder.names() == ["a"])
      } catch let error as FileError {
        #expect(error.code == .exists && error.message.contains("in the way"), "\(spot): \(error)")
        #expect(try Self.text(folder, ".a.partial") == "one")
        for name in try folder.names() { try folder.remove(name) }
      }
    }
  }

  @Test("A backup of links that was made of a partial output is neither changed nor in the way")
  func linkedJournals() throws {
    let folder = try TemporaryFolder()
    let first = try Self.output(.files, in: folder, replacing: true, fingerprint: "job")
    try Self.fill(first, ["one"])
    try first.finish(item: 0)
    #expect(first.keep())
    for (name, backup) in [(".a.partial", "b"), (".a.partial.journal", "j")] {
      try FileManager.default.linkItem(atPath: folder.file(name), toPath: folder.file(backup))
    }
    let journal = try folder.read("j")
    let second = try Self.output(.files, in: folder, replacing: true, fingerprint: "job")
    #expect(second.finishedItems.isEmpty)
    try Self.fill(second, ["two"])
    try second.commit()
    #expect(try Self.text(folder, "b") == "one")
    #expect(try folder.read("j") == journal)
  }

  @Test("A partial output that somebody has linked is made again", arguments: [StagedOutput.Kind.files, .folder])
  func linkedPartials(_ kind: StagedOutput.Kind) throws {
    let folder = try TemporaryFolder()
    let first = try Self.output(kind, in: folder, replacing: true, fingerprint: "job")
    try Self.fill(first, ["one"])
    try first.finish(item: 0)
    #expect(first.keep())
    try FileManager.default.linkItem(
      atPath: folder.file(kind == .files ? ".a.partial" : ".a.partial/a"), toPath: folder.file("backup"))
    let second = try Self.output(kind, in: folder, replacing: true, fingerprint: "job")
    #expect(second.finishedItems.isEmpty)
    try Self.fill(second, ["two"])
    try second.commit()
    #expect(try Self.text(folder, "backup") == "one")
  }

  @Test("What is put into a folder while it is replaced is not lost", arguments: ["new", "old", "sub/new"])
  func strangers(_ name: String) throws {
    let folder = try TemporaryFolder()
    try folder.makeFolder("a/sub")
    try folder.write("old".utf8, to: "a/old")
    try folder.write("old".utf8, to: "a/sub/other")
    let output = try Self.output(.folder, in: folder, replacing: true, fingerprint: "job")
    try Self.fill(output, ["one"])
    try output.finish(item: 0)
    try folder.write("somebody's".utf8, to: "a/" + name)
    let error = try #require(throws: FileError.self) { try output.commit() }
    #expect(error.code == .exists && error.message.contains("\"\(name)\""), "\(error)")
    #expect(output.stopped(by: error).remedies == [.goOn])
    #expect(try Self.text(folder, "a/" + name) == "somebody's")
    #expect(try Self.text(folder, "a/sub/other") == "old")
    try folder.remove("a")
    #expect(try Self.output(.folder, in: folder, replacing: true, fingerprint: "job").finishedItems.count == 1)
  }

  /// What somebody does to a name.
  enum Interference: CaseIterable { case editing, replacing, adding }

  @Test(
    "What is put under an output's name while it is made is not lost, --force or not", arguments: Interference.allCases,
    [1, 3])
  func strangersUnderTheName(_ interference: Interference, _ count: Int) throws {
    for isReplacing in [false, true] where isReplacing || interference == .adding {
      let folder = try TemporaryFolder()
      let names = Array(Self.set.prefix(count))
      if interference != .adding { for name in names { try folder.write("old".utf8, to: name) } }
      let output = try StagedOutput(
        .files, in: folder.path, files: names.map { .init(name: $0, byteCount: 3) }, replacing: isReplacing,
        fingerprint: "job")
      try Self.fill(output, names.map { _ in "new" })
      try output.finish(item: 0)
      let victim = names[count - 1]
      if interference == .replacing {
        try folder.write("precious".utf8, to: "other")
        #expect(rename(folder.file("other"), folder.file(victim)) == 0)
      } else {
        try folder.write("precious".utf8, to: victim)
      }
      let error = try #require(throws: FileError.self) { try output.commit() }
      #expect(
        error.code == .exists && error.path == folder.file(victim) && error.message.contains("move it away"), "\(error)"
      )
      _ = output.stopped(by: error)
      #expect(try Self.text(folder, victim) == "precious")
      for name in names.dropLast() where interference != .adding { #expect(try Self.text(folder, name) == "old") }
      // Out of the way of it the job goes on.
      try folder.remove(victim)
      let again = try StagedOutput(
        .files, in: folder.path, files: names.map { .init(name: $0, byteCount: 3) }, replacing: isReplacing,
        fingerprint: "job")
      #expect(again.finishedItems.count == 1)
      try again.commit()
      #expect(try folder.names() == names)
      #expect(try names.map { try Self.text(folder, $0) } == names.map { _ in "new" })
    }
  }

  @Test(
    "What is put in the place of what is being written does not become the output",
    arguments: [StagedOutput.Kind.files, .folder])
  func strangersInTheStagedPlace(_ kind: StagedOutput.Kind) throws {
    for name in kind == .files ? [".a.partial"] : [".a.partial/a", ".a.partial/mine"] {
      let folder = try TemporaryFolder()
      let output = try Self.output(kind, in: folder, replacing: true)
      try Self.fill(output, ["one"])
      try folder.write("precious".utf8, to: "other")
      #expect(rename(folder.file("other"), folder.file(name)) == 0)
      let error = try #require(throws: FileError.self) { try output.commit() }
      #expect(error.code == .exists && error.path == folder.file(name), "\(error)")
      _ = output.stopped(by: error)
      #expect(try Self.text(folder, name) == "precious")
    }
  }

  @Test("Inodes are used again: what has one of a killed run is still somebody's", arguments: [false, true])
  func reusedInodes(_ isReplacing: Bool) throws {
    let folder = try TemporaryFolder()
    let output = try Self.newSet(in: folder, replacing: false, fingerprint: "job")
    try Self.fill(output, ["new", "new", "new"])
    // Killed when the second has its name.
    _ = SystemFaults.$current.withValue(SystemFaults(.ioError, .rename) { $0 >= 1 }) { try? output.commit() }
    try output.finish(item: 0)
    #expect(output.keep())
    // Into the same inode.
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.file("2")))
    try handle.write(contentsOf: Array("precious".utf8))
    try handle.close()
    if isReplacing {
      try Self.newSet(in: folder, replacing: true, fingerprint: "job").commit()
      #expect(try folder.names() == Self.set)
    } else {
      let error = try #require(throws: FileError.self) {
        _ = try Self.newSet(in: folder, replacing: false, fingerprint: "job")
      }
      #expect(error.path == folder.file("2") && error.message == "is there already", "\(error)")
      #expect(try Self.text(folder, "2") == "precious")
    }
  }

  @Test("A partial output that was copied elsewhere is begun anew, not in the way")
  func copiedPartials() throws {
    let folder = try TemporaryFolder()
    let output = try Self.output(.files, in: folder, replacing: false, fingerprint: "job")
    try Self.fill(output, ["one"])
    try output.finish(item: 0)
    #expect(output.keep())
    for name in try folder.names() {
      let bytes = try folder.read(name)
      try folder.write(bytes, to: "copy")
      #expect(rename(folder.file("copy"), folder.file(name)) == 0)
    }
    let again = try Self.output(.files, in: folder, replacing: false, fingerprint: "job")
    try Self.fill(again, ["two"])
    try again.commit()
    #expect(try folder.names() == ["a"])
  }

  @Test("An output that is complete is there already, though its journal was not removed")
  func journalsOfCompleteOutputs() throws {
    let folder = try TemporaryFolder()
    let output = try Self.output(.files, in: folder, replacing: false, fingerprint: "job")
    try Self.fill(output, ["one"])
    _ = try SystemFaults.$current.withValue(SystemFaults(.ioError, .remove) { _ in true }) { try output.commit() }
    let error = try #require(throws: FileError.self) {
      _ = try Self.output(.files, in: folder, replacing: false, fingerprint: "job")
    }
    #expect(error.message == "is there already")
    try Self.output(.files, in: folder, replacing: true, fingerprint: "job").commit()
    #expect(try folder.names() == ["a"])
  }

  @Test("Where names are given by linking, a kill between the two calls leaves both")
  func bothNames() throws {
    let folder = try TemporaryFolder()
    for name in Self.set { try folder.write("old".utf8, to: name) }
    let output = try Self.newSet(in: folder, fingerprint: "job")
    try Self.fill(output, ["new", "new", "new"])
    try output.finish(item: 0)
    _ = SystemFaults.$current.withValue(SystemFaults(.ioError, .rename) { $0 >= 2 }) { try? output.commit() }
    #expect(output.keep())
    #expect(link(folder.file(".2.old"), folder.file("2")) == 0)
    let again = try Self.newSet(in: folder, fingerprint: "job")
    #expect(try Self.contents(folder) == ["old", "old", "old"])
    try again.commit()
    #expect(try folder.names() == Self.set)
    #expect(try Self.contents(folder) == ["new", "new", "new"])
  }

  // MARK: - Sets

  @Test(
    "What was made of other files, or of these before they were changed, counts only where that is known to be the same"
  )
  func otherSources() throws {
    let folder = try TemporaryFolder()
    let source = try InputFile(path: folder.write([1, 2, 3], to: "source"))
    let first = try Self.output(.files, in: folder, replacing: false, sources: [source], fingerprint: "job")
    try Self.fill(first, ["one"])
    try first.finish(item: 0, note: "good")
    try first.finish(item: 1, note: "bad")
    #expect(first.keep())
    // The same file goes on.
    #expect(
      try {
        let again = try Self.output(.files, in: folder, replacing: false, sources: [source], fingerprint: "job")
        defer { _ = again.keep() }
        return again.finishedItems
      }() == [0: "good", 1: "bad"])
    try folder.write([1, 2, 3], to: "copy")
    let copy = try InputFile(path: folder.file("copy"))
    let second = try StagedOutput(
      .files, in: folder.path, files: [.init(name: "a", byteCount: 3)], sources: [copy], replacing: false,
      fingerprint: "job", isSame: { _, note in note == "good" })
    #expect(second.finishedItems == [0: "good"])
    #expect(second.discardedItemCount == 1)
    #expect(try second.byteCount(ofFile: 0) == 3)
    #expect(second.keep())
    // What was found to be the same needs no second look.
    let third = try Self.output(.files, in: folder, replacing: false, sources: [copy], fingerprint: "job")
    #expect(third.finishedItems == [0: "good"])
    #expect(third.keep())
    let fourth = try Self.output(.files, in: folder, replacing: false, sources: [source], fingerprint: "job")
    #expect(fourth.finishedItems.isEmpty && fourth.discardedItemCount == 1)
  }

  @Test(
    "Who may not read a source, or what is replaced, may not read the output",
    arguments: [StagedOutput.Kind.files, .folder])
  func permissions(_ kind: StagedOutput.Kind) throws {
    func mode(_ folder: TemporaryFolder, _ name: String) throws -> Int {
      var status = stat()
      try #require(stat(folder.file(name), &status) == 0)
      return Int(status.st_mode & 0o777)
    }
    let file = kind == .files ? "a" : "a/a"
    for (sourceMode, targetMode, expected) in [
      (0o600, nil, 0o600), (0o644, 0o600, 0o600), (0o640, 0o604, 0o600), (0o400, nil, 0o600), (0o444, nil, 0o644),
      (0o755, 0o777, 0o644),
    ] {
      let folder = try TemporaryFolder()
      if kind == .folder, targetMode != nil { try folder.makeFolder("a") }
      let source = try folder.write([1], to: "source")
      try #require(chmod(source, mode_t(sourceMode)) == 0)
      if let targetMode { try #require(chmod(try folder.write([1], to: file), mode_t(targetMode)) == 0) }
      let output = try Self.output(kind, in: folder, replacing: true, sources: [try InputFile(path: source)])
      try output.commit()
      let mask = umask(0)
      umask(mask)
      #expect(try mode(folder, file) == expected & ~Int(mask & 0o066), "\(sourceMode), \(targetMode ?? 0)")
    }
  }

  @Test("Of runs that replace one folder at the same time each is refused or leaves all of its files")
  func replacingAFolderTogether() async throws {
    let folder = try TemporaryFolder()
    let names = ["1", "2", "3"]
    for _ in 0..<60 {
      await withTaskGroup(of: Void.self) { group in
        for runner in 0..<3 {
          group.addTask {
            do {
              let output = try StagedOutput(
                .folder, in: folder.file("o"), files: names.map { .init(name: $0, byteCount: 1) }, replacing: true)
              try Self.fill(output, Array(repeating: "\(runner)", count: 3))
              try output.commit()
            } catch {
              #expect((error as? FileError)?.code == .exists, "\(error)")
            }
          }
        }
      }
      let contents = try names.map { try Self.text(folder, "o/" + $0) }
      #expect(Set(contents).count == 1, "\(contents)")
    }
    #expect(try folder.names() == ["o"])
  }

  @Test func somethingElseWhereAFolderIsStaged() throws {
    let folder = try TemporaryFolder()
    try folder.write("mine".utf8, to: ".a.partial")
    let error = try #require(throws: FileError.self) { _ = try Self.output(.folder, in: folder, replacing: true) }
    #expect(error.path.hasSuffix(".a.partial") && error.message.contains("in the way"), "\(error)")
    #expect(try Self.text(folder, ".a.partial") == "mine")
  }

  @Test("Somebody's files where a folder is staged are left alone", arguments: ["thesis.txt", "a", "sub/thesis.txt"])
  func somebodysFilesInTheWay(_ name: String) throws {
    let folder = try TemporaryFolder()
    try folder.makeFolder(".a.partial/sub")
    try folder.write([], to: ".a.partial/empty")
    try folder.write("precious".utf8, to: ".a.partial/" + name)
    for _ in 0..<2 {
      let error = try #require(throws: FileError.self) { _ = try Self.output(.folder, in: folder, replacing: true) }
      #expect(error.code == .exists && error.path.hasSuffix(name) && error.message.contains("remove it"), "\(error)")
      #expect(error.others.isEmpty)
      #expect(try Self.text(folder, ".a.partial/" + name) == "precious")
    }
    // What a run leaves that was killed at its very beginning is no obstacle.
    try folder.remove(".a.partial")
    try folder.makeFolder(".a.partial")
    for name in ["a", "b"] { try folder.write([], to: ".a.partial/" + name) }
    let output = try Self.output(.folder, in: folder, replacing: true)
    try Self.fill(output, ["one"])
    try output.commit()
    #expect(try folder.names() == ["a"])
  }

  @Test("Files that are taken over keep their holes, and so need no room")
  func adoptedHoles() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("ab".utf8, to: "parts")
    try FileHandle(forWritingTo: URL(filePath: path)).truncate(atOffset: 1 << 28)
    let files = [StagedOutput.File(name: "o", byteCount: 1 << 28)]
    try StagedOutput.adopt([path], as: .files, in: folder.path, files: files, fingerprint: "job")
    let output = try StagedOutput(.files, in: folder.path, files: files, replacing: false, fingerprint: "job")
    try Self.fill(output, ["c"])
    try output.commit()
    #expect(try folder.names() == ["o"])
    #expect(try InputFile(path: folder.file("o")).bytes(at: 0, count: 3) == [UInt8(ascii: "c"), UInt8(ascii: "b"), 0])
    var status = stat()
    try #require(stat(folder.file("o"), &status) == 0)
    #expect(status.st_size == 1 << 28 && status.st_blocks < 1 << 12)
  }

  @Test func emptyFoldersInAStagedOneAreNoObstacle() throws {
    let folder = try TemporaryFolder()
    try folder.makeFolder(".o.partial/sub")
    try folder.makeFolder(".o.partial/a")
    let output = try StagedOutput(
      .folder, in: folder.file("o"), files: [.init(name: "a", byteCount: 1)], replacing: false)
    try Self.fill(output, ["1"])
    try output.commit()
    #expect(try folder.names() == ["o"])
    #expect(try Self.text(folder, "o/a") == "1")
  }

  @Test func writingAfterCommitIsAMistake() async {
    await #expect(processExitsWith: .failure) {
      let folder = try TemporaryFolder()
      let output = try StagedOutput(
        .files, in: folder.path, files: [.init(name: "a", byteCount: nil)], replacing: false)
      try output.commit()
      try StagedOutputTests.fill(output, ["late"])
    }
  }
}
