import Bytes
import Foundation
import JSON
import Safetensors
import Tensors
import TestSupport
import Testing

/// Files that were given to the reference library, with what it said.
@Suite(.enabled(if: SharedData.isThere, "\(SharedData.absence)"))
struct SharedVerdictTests {
  /// Where we are stricter than the reference library, with the rule; `SPEC.md` says why.
  static let stricter = [
    "duplicate_key": "ST-6", "extra_tensor_key": "ST-7", "header_leading_space": "ST-4",
  ]

  @Test("The reference library's verdicts, but for three differences")
  func verdicts() throws {
    let document = try JSONValue(parsing: InputFile.contents(of: SharedData.path("hostile/safetensors/VERDICTS.json")))
    let verdicts = try #require(document["files"]?.object)
    #expect(verdicts.count >= 70)
    var counts = ["both accept": 0, "both refuse": 0, "stricter": 0]
    for (name, verdict) in verdicts.sorted(by: { $0.key < $1.key }) {
      let path = SharedData.path("hostile/safetensors/\(name).safetensors")
      let isAccepted = try #require(verdict["deserialize"]?.string) == "accept"
      do {
        _ = try SafetensorsFile(path: path)
        #expect(isAccepted, "\(name) is accepted here only")
        counts["both accept", default: 0] += 1
      } catch {
        if let rule = Self.stricter[name] {
          #expect(error.rule == rule, "\(error)")
          counts["stricter", default: 0] += 1
        } else {
          #expect(!isAccepted, "\(name) is refused here only: \(error)")
          #expect(error.rule?.hasPrefix("ST-") == true, "\(error)")
          counts["both refuse", default: 0] += 1
        }
      }
    }
    print("verdicts:", counts)
  }

  @Test("Files that other projects ship open", arguments: SharedData.names(in: "hostile/safetensors-fixtures"))
  func others(name: String) throws {
    if name == "weight-inspect-tiny.safetensors" {
      // Has five bytes too many at its end; the reference library refuses it too.
      #expect(throws: FileError.self) {
        _ = try SafetensorsFile(path: SharedData.path("hostile/safetensors-fixtures/" + name))
      }
      return
    }
    let file = try SafetensorsFile(path: SharedData.path("hostile/safetensors-fixtures/" + name))
    #expect(!file.tensors.isEmpty)
    for tensor in file.tensors { #expect(try file.bytes(of: tensor.name).count == tensor.byteCount) }
  }
}
