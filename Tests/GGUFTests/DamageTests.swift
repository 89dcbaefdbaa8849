import Bytes
import Foundation
import Tensors
import TestSupport
import Testing

@testable import GGUF

/// Files cut short and files with wrong bytes give an error or read to something; they never trap.
@Suite struct DamageTests {
  static let files = Fixture.names(in: "valid").filter { $0.hasSuffix(".gguf") }

  @Test(arguments: files)
  func aFileCutAnywhereIsRefused(_ name: String) throws {
    let bytes = try Fixture.bytes("valid/" + name)
    let whole = try GGUFFile(path: Fixture.path("valid/" + name))
    let needed = whole.tensors.map { $0.offset + $0.descriptor.byteCount }.max() ?? bytes.count
    let folder = try TemporaryFolder()
    let path = try folder.write(bytes, to: "file.gguf")
    let handle = try #require(FileHandle(forUpdatingAtPath: path))
    // Every length in the header and around the data's start; in long data, every few bytes.
    for length in (0..<bytes.count).reversed()
    where length < whole.dataOffset + 64 || bytes.count - length < 64 || length % 13 == 0 {
      try handle.truncate(atOffset: UInt64(length))
      if length < needed {
        let error = #expect(throws: FileError.self, "\(length) bytes") { try GGUFFile(path: path) }
        #expect(error?.code == .truncated || error?.code == .malformed, "\(length) bytes: \(error.debugDescription)")
      } else {
        #expect(throws: Never.self, "\(length) bytes") { try GGUFFile(path: path) }
      }
    }
  }

  /// Numbers that headers get wrong in interesting ways.
  static let wideValues: [UInt64] = [
    0, 1, .max, .max - 31, 1 << 63, (1 << 63) - 1, 1 << 62, 1 << 32, (1 << 32) - 1, 1 << 31, 1 << 61, 255,
  ]

  @Test(
    arguments: [
      "every-metadata-type.gguf", "every-tensor-type.gguf", "every-tensor-type-big-endian.gguf", "alignment-64.gguf",
      "nested-arrays.gguf", "odd-order-and-gap.gguf",
    ])
  func wrongBytesNeverTrap(_ name: String) throws {
    let environment = ProcessInfo.processInfo.environment
    let seed = environment["DECANT_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0 ... .max)
    print("DamageTests \(name): DECANT_SEED=\(seed)")
    var random = SeededGenerator(seed: seed)
    let original = try Fixture.bytes("valid/" + name)
    let header = try GGUFFile(path: Fixture.path("valid/" + name)).dataOffset
    let folder = try TemporaryFolder()
    var accepted = 0
    for _ in 0..<1000 {
      var bytes = original
      for _ in 0...Int.random(in: 0..<3, using: &random) {
        let place = Int.random(in: 0..<min(header, bytes.count), using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[place] = UInt8.random(in: 0 ... .max, using: &random)
        case 2:
          let value = Self.wideValues.randomElement(using: &random) ?? 0
          for index in 0..<8 where place + index < bytes.count {
            bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
          }
        default:
          let end = min(place + Int.random(in: 1...16, using: &random), bytes.count)
          if Bool.random(using: &random) {
            bytes.removeSubrange(place..<end)
          } else {
            bytes.insert(contentsOf: bytes[place..<end], at: place)
          }
        }
      }
      let path = try folder.write(bytes, to: "file.gguf")
      do throws(FileError) {
        let file = try GGUFSource(path: path)
        accepted += 1
        for tensor in file.tensors { #expect(try file.bytes(of: tensor.name).count == tensor.byteCount) }
      } catch {
        #expect(!error.description.isEmpty)
      }
    }
    print("DamageTests \(name): \(accepted) of 1000 mutations were still readable")
  }

  /// A header that announces more than the limit is refused before its bytes are read.
  @Test func headersAreLimited() throws {
    let folder = try TemporaryFolder()
    var writer = ByteWriter()
    writer.write(contentsOf: "GGUF".utf8)
    writer.write(UInt32(3))
    writer.write(UInt64(0))
    writer.write(UInt64(1))
    writer.writeString("x".utf8)
    writer.write(MetadataType.array.rawValue)
    writer.write(MetadataType.uint8.rawValue)
    writer.write(UInt64(HeaderReader.byteLimit))
    let path = try folder.write(writer.bytes, to: "file.gguf")
    let handle = try #require(FileHandle(forUpdatingAtPath: path))
    try handle.truncate(atOffset: UInt64(2 * HeaderReader.byteLimit))
    let error = #expect(throws: FileError.self) { try GGUFFile(path: path) }
    #expect(error?.code == .unsupported)
    #expect(error?.rule == "GGUF-6", "\(error.debugDescription)")
  }
}

/// A count that the file's length allows, but that would take memory out of proportion.
extension DamageTests {
  @Test(arguments: [0, 1])
  func countsAreLimited(_ which: Int) throws {
    let folder = try TemporaryFolder()
    var writer = ByteWriter()
    writer.write(contentsOf: "GGUF".utf8)
    writer.write(UInt32(3))
    for index in 0..<2 { writer.write(UInt64(index == which ? HeaderReader.countLimit + 1 : 0)) }
    let path = try folder.write(writer.bytes, to: "file.gguf")
    let handle = try #require(FileHandle(forUpdatingAtPath: path))
    try handle.truncate(atOffset: 64 << 20)
    let error = #expect(throws: FileError.self) { try GGUFFile(path: path) }
    #expect(error?.code == .unsupported)
    #expect(error?.offset == 8 + 8 * which)
    #expect(error?.rule == "GGUF-6", "\(error.debugDescription)")
  }
}
