import Bytes
import Foundation
import TestSupport
import Testing

struct SmallThingsTests {
  @Test func failuresOfOneKindAreTogether() {
    let many = (0..<40).map { FileError(.missing, path: "m", subject: "t\($0)", "has shape [\($0)], not [1]") }
    let room = FileError(.missing, path: "none", "no such folder")
    #expect(FileErrors.kinds(of: many.prefix(20) + [room] + many.suffix(20)) == [many, [room]])
    #expect(FileErrors.kinds(of: [room, room]) == [[room]])
    #expect(FileErrors.kinds(of: []).isEmpty)
  }

  @Test(arguments: [
    (["a.10", "a.2", "a.1", "a"], ["a", "a.1", "a.2", "a.10"]),
    (["layers.10.a", "layers.9.b", "layers.9.a"], ["layers.9.a", "layers.9.b", "layers.10.a"]),
    (["b2", "b02", "b1", "a99999999999999999999999", "a9"], ["a9", "a99999999999999999999999", "b1", "b02", "b2"]),
    (["1", "", "x"], ["", "1", "x"]),
  ])
  func layersInNumericOrder(_ names: [String], _ sorted: [String]) {
    #expect(names.sorted(by: LayerNames.precedes) == sorted)
    #expect(names.reversed().sorted(by: LayerNames.precedes) == sorted)
  }

  @Test(arguments: [
    (["blk.0.a", "blk.1.b", "blk.2.a", "blk.10.a"], "layers 0 to 2, 10"), (["model.layers.3.x"], "layer 3"),
    (["blk.1.a", "output.weight"], nil), ([], nil), (["blk.x.a"], nil), (["layers"], nil),
    ((0..<9).map { "blk.\($0 * 2).a" }, nil),
  ])
  func whichLayersNamesSpeakOf(_ names: [String], _ text: String?) {
    #expect(LayerNames.layers(of: names) == text)
  }

  @Test func aFileThatIsNoLongerTheOneThatWasOpened() throws {
    let folder = try TemporaryFolder()
    let file = try InputFile(path: folder.write([1, 2, 3], to: "a"))
    #expect(try file.isUnchanged)
    // Replaced by its like.
    try folder.write([1, 2, 3], to: "b")
    try folder.remove("a")
    #expect(try !file.isUnchanged)
    try folder.write([1, 2, 3], to: "a")
    #expect(try !file.isUnchanged)
    let other = try InputFile(path: folder.file("b"))
    let handle = try #require(FileHandle(forUpdatingAtPath: folder.file("b")))
    try handle.truncate(atOffset: 2)
    try handle.close()
    #expect(try !other.isUnchanged)
  }

  @Test(
    "Only where nothing has a name is it absent: a link that leads nowhere, and what cannot be looked at, are errors")
  func absence() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(atPath: folder.file("nowhere"), withDestinationPath: "none")
    #expect(try !FileSystem.exists(folder.file("none")))
    let looks: [@Sendable (String) throws -> Bool] = [
      { try FileSystem.exists($0) }, { try FileSystem.isFile($0) }, { try FileSystem.isFolder($0) },
      { try FileSystem.hasFile($0) }, { try InputFile(path: $0).byteCount > 0 },
    ]
    for look in looks {
      let error = #expect(throws: FileError.self) { try look(folder.file("nowhere")) }
      #expect(error?.description.contains("nowhere: is a link, and what it leads to is not there") == true)
      for fault in [SystemFaults.Fault.ioError, .forbidden] {
        SystemFaults.$current.withValue(SystemFaults(fault, .examine) { _ in true }) {
          #expect(throws: FileError.self) { try look(folder.file("none")) }
        }
      }
    }
    #expect(throws: FileError.self) { try FileSystem.exists(folder.write([], to: "file") + "/inside") }
  }

  @Test("A folder is listed whole or not at all")
  func listing() throws {
    let folder = try TemporaryFolder()
    for name in ["a", "b", "c"] { try folder.write([], to: name) }
    let counter = SystemFaults.counting()
    try SystemFaults.$current.withValue(counter) { _ = try FileSystem.names(inFolder: folder.path) }
    #expect(counter.count(of: .list) > 3)
    for number in 0..<counter.count(of: .list) {
      SystemFaults.$current.withValue(SystemFaults(.ioError, .list) { $0 == number }) {
        #expect(throws: FileError.self, "call \(number)") { try FileSystem.names(inFolder: folder.path) }
      }
    }
  }

  @Test func linksAndMounts() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: folder.path)
    try FileManager.default.createSymbolicLink(atPath: folder.file("nowhere"), withDestinationPath: "none")
    for name in ["link", "link/", "nowhere"] { #expect(try FileSystem.isLink(folder.file(name)), "\(name)") }
    for path in [folder.path, folder.path + "/", folder.file("none")] {
      #expect(try !FileSystem.isLink(path), "\(path)")
    }
    #expect(try FileSystem.isMountPoint("/dev"))
    #expect(try !FileSystem.isMountPoint(folder.path) && !FileSystem.isMountPoint(folder.file("none")))
  }

  @Test func rounding() {
    #expect(5.roundedUp(toMultipleOf: 4) == 8)
    #expect(8.roundedUp(toMultipleOf: 4) == 8)
    #expect(0.roundedUp(toMultipleOf: 32) == 0)
    #expect(Int.max.roundedUp(toMultipleOf: 32) == nil)
    #expect(9.dividedRoundingUp(by: 4) == 3)
    #expect(8.dividedRoundingUp(by: 4) == 2)
    #expect(Int.max.dividedRoundingUp(by: 2) == Int.max / 2 + 1)
  }

  @Test func writer() {
    var writer = ByteWriter()
    writer.write(UInt16(0x0201))
    writer.write(Int32(-2))
    writer.write(Float(1))
    writer.write(contentsOf: [9])
    #expect(writer.bytes == [1, 2, 0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0x80, 0x3F, 9])
  }

  @Test func floats() {
    let values: [Float] = [1, -0.0, 2.5]
    #expect(values.withBytes { [Float](bytes: $0) }.map(\.bitPattern) == values.map(\.bitPattern))
    #expect([UInt8]().withBytes { [Float](bytes: $0) } == [])
    var target: [Float] = [0, 0, 0, 0]
    var span = target.mutableSpan
    span.copy(values.span, at: 1)
    span.copy([Float]().span, at: 4)
    #expect(target == [0, 1, 0, 2.5])
  }

  @Test func paths() {
    #expect(FileSystem.join("a", "b") == "a/b")
    #expect(FileSystem.join("a/", "b") == "a/b")
    #expect(FileSystem.join("", "b") == "b")
    #expect(FileSystem.parent("a/b/") == "a")
    #expect(FileSystem.parent("/a") == "/")
    #expect(FileSystem.parent("a") == ".")
    #expect(FileSystem.lastComponent("a/b//") == "b")
  }

  @Test("Names cannot steer a terminal")
  func quoting() {
    let name = "a\u{1B}[31m\u{202E}b\u{2028}\u{0}"
    let shown = FileError(.malformed, path: "p", subject: name, offset: 3, "is odd").description
    #expect(shown == #"p: "a\u{1B}[31m\u{202E}b\u{2028}\0" (byte 3): is odd"#)
    #expect(name.printable == #"a\u{1B}[31m\u{202E}b\u{2028}\0"#)
    #expect("α β, 中".printable == "α β, 中")
    #expect(FileError.quoted(String(repeating: "x", count: 1000)).count == 163)
  }

  @Test func names() throws {
    let folder = try TemporaryFolder()
    try folder.write([], to: "b")
    try folder.write([1], to: "a")
    #expect(try FileSystem.names(inFolder: folder.path) == ["a", "b"])
    #expect(try FileSystem.byteCount(folder.file("a")) == 1)
    #expect(try FileSystem.byteCount(folder.file("c")) == nil)
    #expect(try FileSystem.isSame(folder.file("a"), folder.path + "/./a"))
    #expect(try !FileSystem.isSame(folder.file("a"), folder.file("b")))
    #expect(FileSystem.freeBytes(at: folder.path) ?? 0 > 0)
    #expect(FileSystem.processorCount() > 0)
  }
}
