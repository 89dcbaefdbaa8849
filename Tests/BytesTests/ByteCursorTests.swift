import Bytes
import Foundation
import TestSupport
import Testing

struct ByteCursorTests {
  let folder = try? TemporaryFolder()

  private func cursor(_ bytes: [UInt8], at offset: Int = 0) throws -> ByteCursor {
    ByteCursor(try InputFile(path: #require(folder).write(bytes, to: "bytes")), at: offset)
  }

  @Test func integersInBothOrders() throws {
    var cursor = try cursor([1, 2, 3, 4, 5, 6, 7, 8, 0xFE, 0xFF])
    #expect(try cursor.read(UInt32.self) == 0x0403_0201)
    cursor.isLittleEndian = false
    #expect(try cursor.read(UInt32.self) == 0x0506_0708)
    cursor.isLittleEndian = true
    #expect(try cursor.read(Int16.self) == -2)
    #expect(cursor.remaining == 0)
    #expect(cursor.offset == 10)
  }

  @Test func theEndIsAnErrorAndMovesNothing() throws {
    var cursor = try cursor([1, 2, 3])
    #expect(try cursor.read(UInt8.self) == 1)
    let error: FileError?
    do { _ = try cursor.read(UInt32.self, subject: "key"); error = nil } catch let caught { error = caught }
    #expect(error?.code == .truncated)
    #expect(error?.offset == 1)
    #expect(error?.subject == "key")
    #expect(cursor.offset == 1)
    for count in [-1, 3, Int.max] {
      do { _ = try cursor.readBytes(count); Issue.record("\(count)") } catch { #expect(error.code == .truncated) }
      do { try cursor.skip(count); Issue.record("\(count)") } catch { #expect(error.code == .truncated) }
    }
    #expect(try cursor.readBytes(2) == [2, 3])
  }

  @Test func aStartBeyondTheEnd() throws {
    var cursor = try cursor([1], at: 100)
    #expect(cursor.remaining == 0)
    do { _ = try cursor.read(UInt8.self); Issue.record("read") } catch { #expect(error.code == .truncated) }
  }

  @Test func valuesAcrossPieces() throws {
    // Pieces of 256 KiB; every value straddles some multiple of 7.
    let bytes = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    var cursor = try cursor(bytes)
    var at = 0
    while at + 7 <= bytes.count {
      try cursor.skip(3)
      let value: UInt32 = try cursor.read()
      guard value == (0..<4).reduce(0, { $0 | UInt32(bytes[at + 3 + $1]) << UInt32(8 * $1) }) else {
        Issue.record("at \(at)")
        return
      }
      at += 7
    }
    var again = ByteCursor(cursor.file, at: 5)
    #expect(try again.readBytes(600_000) == Array(bytes[5..<600_005]))
    #expect(try again.read(UInt8.self) == bytes[600_005])
  }

  @Test func anInputFileIsARegularFile() throws {
    let folder = try #require(folder)
    #expect(throws: FileError.self) { _ = try InputFile(path: folder.path) }
    #expect(throws: FileError.self) { _ = try InputFile(path: folder.file("none")) }
    // Opening a pipe that nobody writes must not wait.
    try #require(mkfifo(folder.file("pipe"), 0o600) == 0)
    let error = try #require(throws: FileError.self) { _ = try InputFile(path: folder.file("pipe")) }
    #expect(error.code == .unsupported)
  }

  @Test func aFileThatShrinks() throws {
    let folder = try #require(folder)
    let path = try folder.write([UInt8](repeating: 1, count: 100), to: "shrinks")
    let file = try InputFile(path: path)
    try #require(truncate(path, 10) == 0)
    let error = try #require(throws: FileError.self) { _ = try file.bytes(at: 0, count: 100) }
    #expect(error.code == .truncated)
    #expect(error.offset == 10)
  }

  @Test(
    "Ranges outside the file", arguments: [(-1, 1), (0, 101), (100, 1), (101, 0), (Int.max, 1), (1, Int.max), (0, -1)])
  func ranges(offset: Int, count: Int) throws {
    let file = try InputFile(path: #require(folder).write([UInt8](repeating: 1, count: 100), to: "hundred"))
    #expect(throws: FileError.self) { _ = try file.bytes(at: offset, count: count) }
  }

  @Test func contentsAreLimited() throws {
    let path = try #require(folder).write([1, 2, 3], to: "three")
    #expect(try InputFile.contents(of: path) == [1, 2, 3])
    #expect(throws: FileError.self) { _ = try InputFile.contents(of: path, limit: 2) }
  }
}
