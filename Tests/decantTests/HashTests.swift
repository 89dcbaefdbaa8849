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
    try Command.expectFailure(
      ["hash", model, "--check", folder.file("none.json")], mentions: ["not a list of digests"])
    // What hash prints for people.
    let plain = try Command.succeed("hash", model).output
    let shown = try folder.write([UInt8](plain.utf8), to: "list.txt")
    try Command.expectFailure(["hash", model, "--check", shown], mentions: ["not a list of digests", "--json"])
  }

  @Test(
    "A name with a line end in it does not make one tensor look like two; lists of the first definition are checked by it"
  )
  func aTensorHasALineOfItsOwn() throws {
    let folder = try TemporaryFolder()
    func model(_ tensors: [RawTensor]) throws -> String {
      try folder.write(try RawSafetensors.bytes(of: tensors), to: "m.safetensors")
      return folder.file("m.safetensors")
    }
    func hash(_ path: String) throws -> JSONValue { try Command.succeed("hash", path, "--json").json() }
    let one = RawTensor("a", type: "F32", shape: [1], values: [1])
    let other = RawTensor("b", type: "F32", shape: [1], values: [2])
    let two = try hash(try model([one, other]))
    let digest = try #require(two["tensors"]?.array?.first?["xxh3_128"]?.string)
    let both = try hash(try model([RawTensor("a f32 1 \(digest)\nb", type: "F32", shape: [1], values: [2])]))
    #expect(both["xxh3_128"] != two["xxh3_128"] && both["xxh3_128"] != nil)
    #expect(both["sha256"] != two["sha256"])
    // Names with a backslash and an n are others than names with a line end.
    #expect(
      try hash(try model([RawTensor("a\\nb", type: "F32", shape: [1], values: [2])]))["xxh3_128"]
        != hash(try model([RawTensor("a\nb", type: "F32", shape: [1], values: [2])]))["xxh3_128"])

    // What the first definition gave of such names: xxh128sum and sha256sum of "name type shape digest" lines.
    let path = try model([RawTensor("a\nb", type: "F32", shape: [1], values: [2])])
    var list = try #require(try hash(path).object)
    #expect(list["format"] == "decant digests 2")
    let entry = try #require(list["tensors"]?.array?.first)
    let (fast, slow) = (try #require(entry["xxh3_128"]?.string), try #require(entry["sha256"]?.string))
    for (name, text, length) in [("xxh3_128", "a\nb f32 1 \(fast)\n", 32), ("sha256", "a\nb f32 1 \(slow)\n", 64)] {
      try folder.write(text.utf8, to: "line")
      let program = name == "sha256" ? "sha256sum" : "xxhsum -H2"
      let said = try Command.shell("\(program) '\(folder.file("line"))' 2>/dev/null || true").output
      let former = String(said.prefix(length))
      // Without the program there is nothing to hold it against, and the list keeps its own digest.
      guard former.count == length else { return }
      #expect(list[name]?.string != former)
      list[name] = .string(former)
    }
    list["format"] = "decant digests 1"
    try folder.write(try JSONValue.object(list).serialized(), to: "list.json")
    try Command.succeed("hash", path, "--check", folder.file("list.json"))
    list["format"] = "decant digests 2"
    try folder.write(try JSONValue.object(list).serialized(), to: "list.json")
    try Command.expectFailure(["hash", path, "--check", folder.file("list.json")], mentions: ["digests of the whole"])
  }

  @Test func aNameThatCommandsTheTerminalIsSpelledOut() throws {
    let folder = try TemporaryFolder()
    let name = "a\u{1B}[31m\n\u{202E}b"
    let tensor = RawTensor(name, type: "F32", shape: [2, 2], values: [1, 2, 3, 4])
    try folder.write(try RawSafetensors.bytes(of: [tensor]), to: "m.safetensors")
    let model = folder.file("m.safetensors")
    let said = [
      try Command.succeed("hash", model).output, try Command.succeed("hash", model, "--fast").output,
      try Command.succeed("convert", model, folder.file("o.safetensors"), "--verbose", "--dtype", "f16").errors,
      try Command.succeed("convert", model, folder.file("p.safetensors"), "--dry-run").output,
    ]
    for text in said {
      #expect(text.contains(#"a\u{1B}[31m\n\u{202E}b"#), "\(text.debugDescription)")
      #expect(!text.contains("\u{1B}") && !text.unicodeScalars.contains("\u{202E}"), "\(text.debugDescription)")
    }
  }

  /// A list of the digests of a small model, changed, and what checking the model against it says.
  private static func check(_ change: (inout [String: JSONValue], inout [[String: JSONValue]]) -> Void) throws -> String
  {
    let folder = try TemporaryFolder()
    let tensors = [
      RawTensor("a", shape: [2, 3], values: [1, 2, 3, 4, 5, 6]), RawTensor("b", shape: [2], values: [1, 2]),
    ]
    try folder.write(try RawSafetensors.bytes(of: tensors), to: "m.safetensors")
    let model = folder.file("m.safetensors")
    var list = try #require(try Command.succeed("hash", model, "--json").json().object)
    var entries = (list["tensors"]?.array ?? []).compactMap(\.object)
    try #require(entries.count == 2)
    change(&list, &entries)
    list["tensors"] = .array(entries.map(JSONValue.object))
    try folder.write(try JSONValue.object(list).serialized(), to: "list.json")
    let result = try Command.run("hash", model, "--check", folder.file("list.json"))
    #expect(result.exitCode == (result.errors.isEmpty ? 0 : 1))
    return result.errors
  }

  @Test func anotherShapeOrLengthIsADifference() throws {
    #expect(try Self.check { _, _ in }.isEmpty)
    #expect(try Self.check { $1[0]["shape"] = [3, 2] }.contains("has the shape [2, 3], not [3, 2]"))
    #expect(try Self.check { $1[0]["bytes"] = 25 }.contains("has 24 bytes, not 25"))
  }

  @Test(arguments: ["xxh3_128", "sha256"])
  func aWrongDigestIsADifference(_ kind: String) throws {
    #expect(try Self.check { $1[1][kind] = "00" }.contains(#""b" has other bytes"#))
    #expect(try Self.check { list, _ in list[kind] = "00" }.contains("the list's digests of the whole"))
  }

  @Test func aDigestIsInAllEntriesOrInNone() throws {
    let message = "an entry needs a name of its own"
    #expect(try Self.check { $1[0]["sha256"] = nil }.contains(message))
    #expect(try Self.check { $1[0]["sha256"] = 7 }.contains(message))
    #expect(try Self.check { list, _ in list["sha256"] = nil }.contains(message))
    #expect(try Self.check { list, _ in list["sha256"] = 7 }.contains("the digests of the whole"))
    #expect(try Self.check { $1[0]["shape"] = nil }.contains(message))
    #expect(try Self.check { $1[0]["shape"] = [2, "3"] }.contains(message))
    let withoutAny = try Self.check { list, entries in
      list["sha256"] = nil
      for number in entries.indices { entries[number]["sha256"] = nil }
    }
    #expect(withoutAny.isEmpty)
  }

  @Test func moreDifferencesThanTensorsAreCountedAsDifferences() throws {
    let said = try Self.check { list, entries in
      entries[0]["name"] = "c"
      entries[1]["xxh3_128"] = "00"
    }
    #expect(said.contains("differences: 3, the first"), "\(said)")
  }
}
