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
    #expect(try folder.names() == [".a.partial", ".b.partial"])
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
    try folder.write("old".utf8, to: "a")
    let target = kind == .files ? folder.path : folder.file("a")
    let error = try #require(throws: FileError.self) {
      _ = try StagedOutput(kind, in: target, files: [.init(name: "a", byteCount: 3)], replacing: false)
    }
    #expect(error.code == .exists)
    #expect(try folder.names() == ["a"])
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

  @Test func whatAKilledRunLeftIsTakenOver() throws {
    let folder = try TemporaryFolder()
    try folder.write([UInt8](repeating: 7, count: 100), to: ".a.partial")
    let output = try StagedOutput(.files, in: folder.path, files: [.init(name: "a", byteCount: nil)], replacing: false)
    try Self.fill(output, ["one"])
    try output.commit()
    #expect(try Self.text(folder, "a") == "one")
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
      try SystemFaults.$current.withValue(SystemFaults(.forbidden, .examine) { _ in true }) {
        try StagedOutput.check(.files, in: folder.path, files: files)
      }
    }
    #expect(error.message.contains("permission denied"))
    #expect(error.others.map(\.message).contains { $0.contains("bytes are to be written") })
    #expect(throws: FileError.self) { try StagedOutput.check(.folder, in: folder.file("none/new"), files: []) }
    try StagedOutput.check(.folder, in: folder.file("new"), files: [.init(name: "a", byteCount: 3)])
    #expect(try folder.names() == [])
  }

  @Test("A set that is replaced is the old one, the new one or none, whichever renaming fails", arguments: 0..<3)
  func setsAreNotMixed(_ failing: Int) throws {
    let folder = try TemporaryFolder()
    let names = ["1", "2", "3"]
    for name in names { try folder.write("old".utf8, to: name) }
    let output = try StagedOutput(
      .files, in: folder.path, files: names.map { .init(name: $0, byteCount: 3) }, replacing: true)
    try Self.fill(output, ["new", "new", "new"])
    #expect(throws: FileError.self) {
      try SystemFaults.$current.withValue(SystemFaults(.ioError, .rename) { $0 == failing }) { try output.commit() }
    }
    #expect(try !folder.names().contains("1"), "without its first file a set is none")
  }

  @Test("Of runs that replace one folder at the same time each is refused or leaves all of its files")
  func replacingAFolderTogether() async throws {
    let folder = try TemporaryFolder()
    let names = ["1", "2", "3"]
    for _ in 0..<150 {
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

  @Test("A link that leads nowhere is something", arguments: [StagedOutput.Kind.files, .folder])
  func aDanglingLinkIsNotReplaced(_ kind: StagedOutput.Kind) throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(atPath: folder.file("a"), withDestinationPath: folder.file("nowhere"))
    let error = try #require(throws: FileError.self) {
      _ = try StagedOutput(
        kind, in: kind == .files ? folder.path : folder.file("a"), files: [.init(name: "a", byteCount: 1)],
        replacing: false)
    }
    #expect(error.code == .exists)
    #expect(try folder.names() == ["a"])
  }

  @Test func whatCannotBeRemovedDoesNotBecomeAPartOfTheOutput() throws {
    let folder = try TemporaryFolder()
    let stray = folder.file(".o.partial/sub")
    try FileManager.default.createDirectory(atPath: stray, withIntermediateDirectories: true)
    let error = try #require(throws: FileError.self) {
      _ = try StagedOutput(.folder, in: folder.file("o"), files: [.init(name: "a", byteCount: 1)], replacing: false)
    }
    #expect(error.path.hasSuffix(".o.partial/sub") && error.message.contains("remove it"))
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
