import Bytes
import Tensors
import TestSupport
import Testing

@testable import TorchPickle

private let fixtures = Fixtures(of: "TorchPickle")

/// Bytes in memory, to be read as a file.
private struct MemorySource: ByteSource {
  let path = "memory"
  let bytesThere: [UInt8]

  var byteCount: Int { bytesThere.count }

  func read(at offset: Int, into bytes: inout MutableRawSpan, subject: String?) throws(FileError) {
    try requireInside(offset, count: bytes.byteCount, subject: subject)
    bytesThere.withBytes(in: offset..<offset + bytes.byteCount) { bytes.copy($0, at: 0) }
  }
}

struct RobustnessTests {
  private static let names = [
    "small.pt", "small-legacy.pt", "zip64.pt", "python-2.pt", "legacy-part-of-a-storage.pt", "state-dict.bin",
    "protocol-4.pt",
  ]

  @Test("A file cut short anywhere is refused", arguments: names)
  func truncation(name: String) throws {
    let whole = try fixtures.bytes("valid/" + name)
    for count in 0..<whole.count {
      let error = #expect(throws: FileError.self, "\(count) bytes") {
        _ = try TorchPickleFile(MemorySource(bytesThere: Array(whole.prefix(count))))
      }
      #expect(error?.rule?.hasPrefix("PT-") == true, "\(count) bytes: \(String(describing: error))")
    }
  }

  @Test("Changed bytes are refused or read, and nothing traps", arguments: names + ["views.pt", "views-legacy.pt"])
  func mutation(name: String) throws {
    let whole = try fixtures.bytes("valid/" + name)
    var generator = SeededGenerator()
    for round in 0..<3000 {
      var bytes = whole
      for _ in 0...Int.random(in: 0..<3, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &generator)
        case 1: bytes[place] = [0x28, 0x74, 0x52, 0x51, 0x62, 0x75, 0xFF, 0x7F].randomElement(using: &generator) ?? 0
        case 2: bytes[place] &+= 1
        default:
          let other = Int.random(in: 0..<bytes.count, using: &generator)
          for index in 0..<min(9, bytes.count - max(place, other)) { bytes[place + index] = bytes[other + index] }
        }
      }
      do {
        let file = try TorchPickleFile(MemorySource(bytesThere: bytes))
        for tensor in file.tensors { _ = try file.bytes(of: tensor.name) }
      } catch {
        #expect(error.rule?.hasPrefix("PT-") == true, "seed \(generator.seed), round \(round): \(error)")
      }
    }
  }

  /// A legacy file whose pickle is `operations`.
  private func refusal(of operations: [UInt8]) -> FileError? {
    let opening: [UInt8] =
      [0x80, 2, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
      + [0x80, 2, 0x4D, 0xE9, 0x03, 0x2E, 0x80, 2, 0x7D, 0x2E, 0x80, 2]
    return #expect(throws: FileError.self) {
      _ = try TorchPickleFile(MemorySource(bytesThere: opening + operations))
    }
  }

  @Test func limits() {
    func many(_ bytes: [UInt8], _ count: Int) -> [UInt8] { Array(repeatElement(bytes, count: count).joined()) }
    // Values and marks on the stack.
    #expect(refusal(of: many([0x4E], 1 << 20 + 1))?.rule == "PT-22")
    #expect(refusal(of: many([0x28], 1 << 20 + 1))?.rule == "PT-22")
    // What is remembered: each is appended to a list, so that the stack stays low.
    #expect(refusal(of: [0x5D] + many([0x94], 1 << 22 + 1))?.rule == "PT-23")
    // Items.
    #expect(refusal(of: [0x5D] + many([0x4E, 0x61], 1 << 22 + 1))?.rule == "PT-27")
    // Tensors.
    let rebuild = Array("ctorch._utils\n_rebuild_meta_tensor_no_storage\n".utf8)
    #expect(refusal(of: rebuild + [0x94, 0x5D, 0x28] + many([0x68, 0, 0x29, 0x52], 1 << 17 + 1))?.rule == "PT-35")
  }

  @Test("Lists in lists take no depth of calls", .timeLimit(.minutes(1)))
  func depth() {
    let count = 500_000
    let operations = [UInt8](repeating: 0x5D, count: count) + [UInt8](repeating: 0x61, count: count - 1) + [0x2E]
    // In order, but then no list of storages follows.
    #expect(refusal(of: operations)?.rule == "PT-21")
  }
}
