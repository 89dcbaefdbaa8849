import Bytes
import JSON
import Safetensors
import Tensors
import TestSupport
import Testing

private let fixtures = Fixtures(of: "Safetensors")

/// Bytes in memory, to be read as a file.
struct MemorySource: ByteSource {
  let path = "memory"
  let bytesThere: [UInt8]

  var byteCount: Int { bytesThere.count }

  func read(at offset: Int, into bytes: inout MutableRawSpan, subject: String?) throws(FileError) {
    try requireInside(offset, count: bytes.byteCount, subject: subject)
    for index in 0..<bytes.byteCount {
      bytes.storeBytes(of: bytesThere[offset + index], toByteOffset: index, as: UInt8.self)
    }
  }
}

struct RobustnessTests {
  @Test("A file cut short anywhere is refused", arguments: ["every-type", "metadata", "names", "one"])
  func truncation(name: String) throws {
    let whole = try fixtures.bytes("valid/\(name).safetensors")
    for count in 0..<whole.count {
      #expect(throws: FileError.self, "\(count) bytes") {
        _ = try SafetensorsFile(MemorySource(bytesThere: Array(whole.prefix(count))))
      }
    }
  }

  @Test("Changed bytes are refused or read, and nothing traps", arguments: ["every-type", "metadata", "names"])
  func mutation(name: String) throws {
    let whole = try fixtures.bytes("valid/\(name).safetensors")
    var generator = SeededGenerator()
    let tokens = [
      "\"", "{", "}", "[", "]", ",", ":", "-", "0", "9", "e", "\\u", "\\", "\0", "null", "F4", "99999999999999999999",
    ]
    for round in 0..<2000 {
      var bytes = whole
      for _ in 0...Int.random(in: 0..<3, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &generator)
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(contentsOf: tokens[Int.random(in: 0..<tokens.count, using: &generator)].utf8, at: place)
        default:
          let other = Int.random(in: 0..<bytes.count, using: &generator)
          bytes.replaceSubrange(
            min(place, other)..<min(min(place, other) + 9, bytes.count), with: bytes[other...].prefix(9))
        }
      }
      // Half the time the header's length is put right, so that the JSON is reached.
      if round % 2 == 0, bytes.count > 8 {
        let length = max(0, Int(whole[0]) + Int(whole[1]) << 8 + bytes.count - whole.count)
        bytes.replaceSubrange(0..<8, with: (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) })
      }
      do {
        let file = try SafetensorsFile(MemorySource(bytesThere: bytes))
        for tensor in file.tensors { _ = try file.bytes(of: tensor.name) }
      } catch {
        #expect(error.rule?.hasPrefix("ST-") == true, "seed \(generator.seed), round \(round): \(error)")
      }
    }
  }

  @Test("Reading takes time in proportion to the header", .timeLimit(.minutes(1)))
  func manyTensors() throws {
    let tensors = try (0..<20_000).map {
      try TensorDescriptor(name: "model.layers.\($0).mlp.down_proj.weight", encoding: .bf16, shape: [0, 4096])
    }
    let plan = try SafetensorsWriter.plan(tensors: tensors)
    let folder = try TemporaryFolder()
    let path = try folder.write(plan.files[0].header, to: "many.safetensors")
    let seconds = try ContinuousClock().measure {
      let file = try SafetensorsFile(path: path)
      #expect(file.tensors.count == 20_000)
    }
    #expect(seconds < .seconds(5), "two machines' worth of slack; it was \(seconds)")
    print("20,000 tensors:", seconds)
  }
}
