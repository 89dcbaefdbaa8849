import JSON
import TestSupport
import Testing

/// The tokens of a text, as they are printed.
@Suite struct TokenizeTests {
  private static let text = "The cat, 12 dogs\n\n  <|end|> é 日"

  private func ids(_ model: String, _ text: String, _ more: String...) throws -> [Int] {
    let said = try Command.run(["tokenize", model, "--text", text, "--json"] + more)
    try #require(said.exitCode == 0, "\(said.errors)")
    let report = try said.json()
    let ids = try #require(report["ids"]?.array).compactMap(\.int)
    #expect(report["tokens"]?.int == ids.count)
    let vocabulary = try #require(report["vocabulary"]?.int)
    #expect(ids.allSatisfy { (0..<vocabulary).contains($0) })
    #expect(report.object?.keys.sorted() == ["ids", "tokens", "vocabulary"])
    return ids
  }

  @Test func aFolderItsFileAndItsGGUFReadTheSame() throws {
    let folder = try TemporaryFolder()
    let text = try folder.write(Self.text.utf8, to: "text.txt")
    try Command.succeed("convert", TinyLlama.path, folder.file("m.gguf"))
    let ids = try ids(TinyLlama.path, text)
    #expect(ids.count > 8)
    #expect(try self.ids(TinyLlama.file("tokenizer.json"), text) == ids)
    #expect(try self.ids(folder.file("m.gguf"), text) == ids)
    // What perplexity reads, cut into windows.
    let scored = try Command.succeed(
      "perplexity", TinyLlama.path, "--text", TinyLlama.heldOutText, "--context", "64", "--chunks", "1000000", "--json")
    let count = try self.ids(TinyLlama.path, TinyLlama.heldOutText).count
    #expect(try scored.json()["chunks"]?.int == count / 64)
  }

  @Test func controlTokensAreFoundWhereTheyAreAskedFor() throws {
    let folder = try TemporaryFolder()
    let config = try JSONValue(parsing: FileBytes.read(TinyLlama.file("tokenizer_config.json")))
    let name = try #require(config["eos_token"]?.string ?? config["eos_token"]?["content"]?.string)
    let text = try folder.write("The\(name)cat".utf8, to: "text.txt")
    let (plain, special) = try (ids(TinyLlama.path, text), ids(TinyLlama.path, text, "--special"))
    #expect(special.count < plain.count)
    #expect(try Command.succeed("tokenize", TinyLlama.path, "--text", text, "--special").output.contains("\"\(name)\""))
  }

  @Test func everyTokenHasALine() throws {
    let folder = try TemporaryFolder()
    let text = try folder.write(Self.text.utf8, to: "text.txt")
    let lines = try Command.succeed("tokenize", TinyLlama.path, "--text", text).output.split(separator: "\n")
    let numbers = lines.compactMap { $0.split(separator: " ").first.flatMap { Int($0) } }
    #expect(numbers == (try ids(TinyLlama.path, text)))
    #expect(lines.allSatisfy { $0.split(separator: " ").count >= 2 })
    let piped = try Command.shell("printf 'The cat' | decant tokenize '\(TinyLlama.path)' --text -")
    #expect(piped.exitCode == 0 && piped.output.contains("\"The\""), "\(piped.output)")
  }

  @Test func whatCannotBeReadIsNamed() throws {
    let folder = try TemporaryFolder()
    let text = try folder.write("a".utf8, to: "text.txt")
    try Command.expectFailure(["tokenize", folder.file("none"), "--text", text], mentions: [folder.file("none")])
    try Command.expectFailure(
      ["tokenize", TinyLlama.path, "--text", folder.file("none.txt")], mentions: [folder.file("none.txt")])
    let bare = try TemporaryFolder()
    try bare.write("{}".utf8, to: "config.json")
    try Command.expectFailure(["tokenize", bare.path, "--text", text], mentions: [bare.path])
  }
}
