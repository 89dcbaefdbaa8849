import JSON
import TestSupport
import Testing

/// `decant rebuild`, and what outputs say of themselves.
@Suite struct RebuildCommandTests {
  @Test func anOutputIsMadeAgain() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("o.gguf")
    try Command.succeed("quantize", TinyLlama.path, output, "--type", "q4_k_m", "--tensor-type", "token_embd=q8_0")
    #expect(try Command.succeed("rebuild", output, "--from", TinyLlama.path).output.contains("the same"))
    let report = try Command.succeed("rebuild", output, "--from", TinyLlama.path, "--json").json()
    #expect(report["same"]?.bool == true && report["recipe"]?["type"]?.string == "q4_k_m")
    let inspection = try Command.succeed("inspect", output).output
    #expect(inspection.contains("Made by") && inspection.contains("mix q4_k_m"), "\(inspection)")
    #expect(try Command.succeed("inspect", output, "--json").json()["provenance"]?["sources"] == report["sources"])
  }

  @Test func whatTheRecipeSetsIsListed() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("o.gguf")
    try Command.succeed(
      "quantize", TinyLlama.path, output, "--type", "q8_0", "--override-kv", "tokenizer.chat_template=str:{{ evil }}")
    let line = #"the metadata "tokenizer.chat_template" is "{{ evil }}" (10 bytes)"#
    let said = try Command.succeed("rebuild", output, "--from", TinyLlama.path).output
    #expect(said.contains("the same") && said.contains("set by the recipe, not by the model: \(line)\n"), "\(said)")
    let report = try Command.succeed("rebuild", output, "--from", TinyLlama.path, "--json").json()
    #expect(report["same"] == true && report["settings"] == [.string(line)])
  }

  @Test func threadsDoNotMatter() throws {
    let folder = try TemporaryFolder()
    let outputs = try ["1", "7"].map { threads in
      try Command.succeed(
        "quantize", TinyLlama.path, folder.file(threads + ".gguf"), "--type", "nf4", "--threads", threads)
      return try folder.read(threads + ".gguf")
    }
    #expect(outputs[0] == outputs[1])
  }

  @Test func aDifferenceIsAFailure() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("o.safetensors")
    try Command.succeed("convert", TinyLlama.path, output, "--dtype", "f32")
    var bytes = try folder.read("o.safetensors")
    bytes[bytes.count - 1] ^= 1
    try folder.write(bytes, to: "o.safetensors")
    try Command.expectFailure(
      ["rebuild", output, "--from", TinyLlama.path], mentions: ["o.safetensors", "has other bytes"])
    let report = try Command.run("rebuild", output, "--from", TinyLlama.path, "--json")
    #expect(report.exitCode == 1)
    #expect(try report.json()["same"]?.bool == false)
    try Command.expectFailure(
      ["rebuild", TinyLlama.path, "--from", TinyLlama.path], mentions: ["does not say how it was made"])
  }

  @Test func nothingIsSaidWhenAsked() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("o.gguf")
    try Command.succeed("convert", TinyLlama.path, output, "--no-provenance")
    #expect(try !Command.succeed("inspect", output, "--metadata").output.contains("decant.provenance"))
  }
}
