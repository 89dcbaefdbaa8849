import Bytes
import Conversion
import TestSupport
import Testing

/// Another program that changes an output keeps what it says of how it was made.
@Suite struct EditedTests {
  let bench: Workbench

  init() throws {
    bench = try Workbench()
    try bench.write(TinyCheckpoint { $0.layers = 1 }, as: "model")
  }

  @Test(arguments: ["o.gguf", "o.safetensors"])
  func isTold(_ name: String) async throws {
    let output = try await bench.convert(bench.path("model"), to: name)
    #expect(try Inspection(path: output).provenance?.isEdited == false)
    let (old, new) = name.hasSuffix("gguf") ? ("ffn_up", "ffn_uq") : ("up_proj", "uq_proj")
    let edited = try bench.folder.write(
      try Workbench.bytes(output).replacing(Array(old.utf8), with: Array(new.utf8)), to: "edited-" + name)
    #expect(try Inspection(path: edited).provenance?.isEdited == true)
    let outcome = try await Rebuild(of: edited, from: bench.path("model")).run()
    #expect(outcome.differences.count == 1 && outcome.differences[0].hasPrefix("it was edited since"))
  }

  @Test func aFolderOfShardsIsWhatItWasAndOneOfThemCannotTell() async throws {
    let output = try await bench.convert(bench.path("model"), to: "o", maximumFileBytes: 30_000)
    #expect(try Inspection(path: output).provenance?.isEdited == false)
    let shard = try #require(try FileSystem.names(inFolder: output).first { $0.hasSuffix(".safetensors") })
    let provenance = try #require(try Inspection(path: output + "/" + shard).provenance)
    #expect(provenance.isEdited == nil)
  }
}
