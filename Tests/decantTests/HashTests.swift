import JSON
import TestSupport
import Testing

/// Digests of models.
@Suite struct HashTests {
  @Test func digestsAreThoseOfTheBytes() throws {
    let report = try Command.succeed("hash", TinyLlama.path, "--json").json()
    let norm = try #require(report["tensors"]?.array?.first { $0["name"]?.string == "model.norm.weight" })
    // By sha256sum and xxhsum -H2 of the tensor's bytes.
    #expect(norm["sha256"]?.string == "bcca25843a89c077371c6a38bb4f73ae9aa9fe2ff3ef20ce5bf96a6216075284")
    #expect(norm["xxh3_128"]?.string == "80ab8baae2a46f8f22723c2effebdf69")
    #expect(report["tensors"]?.array?.count == 39)
  }

  @Test func theContainerAndItsDivisionDoNotMatter() throws {
    let folder = try TemporaryFolder()
    try Command.succeed("convert", TinyLlama.path, folder.file("one.safetensors"))
    try Command.succeed("pack", folder.file("one.safetensors"), folder.file("one.safetensors.zst"))
    let digests = try [TinyLlama.path, folder.file("one.safetensors"), folder.file("one.safetensors.zst")].map {
      try Command.succeed("hash", $0, "--json").json()["sha256"]?.string
    }
    #expect(digests[0] != nil && Set(digests).count == 1)
  }

  @Test func aListIsChecked() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    let list = try Command.succeed("hash", model, "--json").output
    try folder.write(list.utf8, to: "list.json")
    try Command.succeed("hash", model, "--check", folder.file("list.json"))
    try Command.succeed("hash", model, "--check", folder.file("list.json"), "--fast")
    let other = try TinyCheckpoint { $0.seed = 2 }.write(to: folder.file("other"))
    let result = try Command.run("hash", other, "--check", folder.file("list.json"))
    #expect(result.exitCode == 1 && result.errors.contains("has other bytes"), "\(result.errors)")
    try folder.write("{}".utf8, to: "none.json")
    try Command.expectFailure(["hash", model, "--check", folder.file("none.json")], mentions: ["no list of digests"])
  }
}
