import Foundation
import JSON
import TestSupport
import Testing

/// Pages and cards, as people ask for them.
@Suite struct PageTests {
  private static let text = ["--text", TinyLlama.heldOutText, "--context", "64", "--chunks", "2"]

  private func quantized(_ folder: TemporaryFolder, _ type: String) throws -> String {
    let path = folder.file("tiny-\(type).gguf")
    #expect(try Command.run("quantize", TinyLlama.path, path, "--type", type, "-q").exitCode == 0)
    return path
  }

  @Test("compare --report writes a page; report makes the same one later of the JSON")
  func page() throws {
    let folder = try TemporaryFolder()
    let (one, other) = (try quantized(folder, "q8_0"), try quantized(folder, "q4_0"))
    let page = folder.file("page.html")
    let compared = try Command.run(["compare", TinyLlama.path, one, other, "--report", page, "--json"] + Self.text)
    #expect(compared.exitCode == 0, "\(compared.errors)")
    let html = String(decoding: try folder.read("page.html"), as: UTF8.self)
    #expect(html.hasPrefix("<!DOCTYPE html>") && html.contains("tiny-q4_0.gguf"))
    let json = folder.file("both.json")
    _ = try folder.write(Array(compared.output.utf8), to: "both.json")
    let made = try Command.run("report", json, "--report", folder.file("again.html"))
    #expect(made.exitCode == 0 && made.output.isEmpty, "\(made.errors)")
    #expect(try folder.read("again.html") == folder.read("page.html"))
    // Each by itself, put together.
    for (number, path) in [one, other].enumerated() {
      let single = try Command.run(["compare", TinyLlama.path, path, "--json"] + Self.text)
      _ = try folder.write(Array(single.output.utf8), to: "\(number).json")
    }
    let table = try Command.run("report", folder.file("0.json"), folder.file("1.json"))
    let summary = try Command.run(["compare", TinyLlama.path, one, other, "-q"] + Self.text)
    #expect(table.output == summary.output && table.exitCode == 0)
  }

  @Test("What is there is not replaced, an input never")
  func replacing() throws {
    let folder = try TemporaryFolder()
    let model = try quantized(folder, "q8_0")
    _ = try folder.write(Array("mine".utf8), to: "page.html")
    let page = folder.file("page.html")
    let refused = try Command.run(["perplexity", model, "--report", page] + Self.text)
    #expect(refused.exitCode == 1 && refused.output.isEmpty)
    #expect(try folder.read("page.html") == Array("mine".utf8))
    #expect(try Command.run(["perplexity", model, "--report", model, "-f"] + Self.text).exitCode == 1)
    #expect(try Command.run(["perplexity", model, "--report", page, "-f"] + Self.text).exitCode == 0)
    #expect(String(decoding: try folder.read("page.html"), as: UTF8.self).contains("Perplexity of tiny-q8_0.gguf"))
  }

  @Test("quantize --verify makes a page and a card too")
  func verify() throws {
    let folder = try TemporaryFolder()
    let (output, page) = (folder.file("t.gguf"), folder.file("p.html"))
    let arguments =
      [
        "quantize", TinyLlama.path, output, "--type", "q4_0", "--verify", TinyLlama.heldOutText, "--chunks", "1",
        "--context", "64",
      ]
    let result = try Command.run(arguments + ["--report", page, "--card"])
    #expect(result.exitCode == 0, "\(result.errors)")
    #expect(result.output.contains("## Size and quality") && result.output.contains("llama-cli -m t.gguf"))
    #expect(try folder.names() == ["p.html", "t.gguf"])
    let refused = try Command.run(arguments + ["--report", output, "-f"])
    #expect(refused.exitCode == 1 && refused.errors.contains("is the output"))
    #expect(try Command.run("quantize", TinyLlama.path, output, "--type", "q4_0", "--report", page).exitCode == 64)
  }

  @Test("Reports that cannot be held against each other are refused, and nothing is written")
  func refused() throws {
    let folder = try TemporaryFolder()
    let model = try quantized(folder, "q8_0")
    for (number, windows) in ["1", "2"].enumerated() {
      let result = try Command.run(
        "compare", TinyLlama.path, model, "--text", TinyLlama.heldOutText, "--context", "64", "--chunks", windows,
        "--json")
      _ = try folder.write(Array(result.output.utf8), to: "\(number).json")
    }
    let page = folder.file("page.html")
    let result = try Command.run("report", folder.file("0.json"), folder.file("1.json"), "--report", page)
    #expect(result.exitCode == 1 && result.errors.contains("1.json: is of the same text as"), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: page))
    #expect(try Command.run("report", TinyLlama.heldOutText).exitCode == 1)
    #expect(try Command.run("report", folder.file("0.json"), "--json", "--card").exitCode == 64)
  }
}
