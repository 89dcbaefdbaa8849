internal import Architectures
internal import Bytes
internal import FuzzSupport
internal import JSON

extension ModelsTargets {
  static let config = FuzzTarget("config", seeds: ["Tests/Fixtures/TinyLlama/config.json", "Tests/Fuzz/Seeds/config"]) {
    bytes in
    let json = try JSONValue(parsing: bytes)
    var refusal: FileError?
    var isTaken = false
    for family in ModelFamilies.all {
      var model: any Model
      let written: [String: JSONValue]
      do throws(FileError) {
        model = try family.model(fromConfig: json, path: "config.json")
        isTaken = true
        // What is not understood of RoPE is not written.
        written = try model.config(path: "config.json")
      } catch {
        refusal = error
        continue
      }
      // A bare model whose head is tied is the same as one with the head.
      if model.tiesHead { model.hasHead = true }
      let again = try FuzzFinding.ifThrows("cannot be read again") {
        try family.model(fromConfig: .object(written), path: "again")
      }
      try FuzzFinding.unless(
        again.arithmetic == model.arithmetic, "\(model.arithmetic) is \(again.arithmetic) when read again")
      let rewritten = try FuzzFinding.ifThrows("cannot be written again") { try again.config(path: "again") }
      try FuzzFinding.unless(rewritten == written, "\(written) is \(rewritten) when written again")
    }
    if !isTaken, let refusal { throw refusal }
  }
}
