import Foundation
import JSON
import TestSupport
import Testing

/// `check`: what is wrong with a model.
@Suite struct CheckTests {
  private struct Report {
    let code: Int32
    let json: JSONValue
    let findings: [JSONValue]

    /// Whether something of that severity says so.
    func says(_ severity: String, _ words: String) -> Bool {
      findings.contains { $0["severity"]?.string == severity && $0["message"]?.string?.contains(words) == true }
    }

    var errors: [String] { findings.filter { $0["severity"] == "error" }.compactMap { $0["message"]?.string } }
  }

  private static func check(_ arguments: String...) throws -> Report {
    let result = try Command.run(["check", "--json"] + arguments)
    let json = try result.json()
    return Report(code: result.exitCode, json: json, findings: json["findings"]?.array ?? [])
  }

  private static func gguf(_ folder: TemporaryFolder, _ edits: [String] = []) throws -> String {
    let model = folder.file("m.gguf")
    try Command.succeed("quantize", TinyLlama.path, model, "--type", "q4_k_m")
    guard !edits.isEmpty else { return model }
    let result = try Command.run(["edit", model] + edits.flatMap { ["--set", $0] })
    try #require(result.exitCode == 0, "\(result.errors)")
    return model
  }

  @Test("Nothing is wrong with what Decant writes", arguments: ["q4_k_m", "q8_0", "nf4", "int4", "mxfp4"])
  func sound(_ type: String) throws {
    let folder = try TemporaryFolder()
    let output = folder.file(type == "nf4" || type == "int4" ? "out" : "out.gguf")
    try Command.succeed("quantize", TinyLlama.path, output, "--type", type)
    let report = try Self.check(output, "--against", TinyLlama.path)
    #expect(report.code == 0 && report.json["errors"] == 0 && report.json["warnings"] == 0, "\(report.findings)")
    #expect(report.says("note", "tensors are those of the original"))
  }

  @Test(
    "A GGUF with one thing wrong",
    arguments: [
      (["tokenizer.ggml.scores:[f32]=[1,2]"], "error", "2 scores for 1024 tokens"),
      (["tokenizer.ggml.token_type[3]=9"], "warning", "have a type that means nothing"),
      (["tokenizer.ggml.tokens[5]=a", "tokenizer.ggml.tokens[6]=a"], "warning", "the text of another"),
      (["tokenizer.ggml.eos_token_id=3"], "warning", "not as a control token"),
      (["tokenizer.ggml.pre=nobody"], "warning", "not known here"),
      (["tokenizer.chat_template={% if x %}{{ y }}{% endif "], "error", "more often than it closes"),
      (["tokenizer.chat_template=<|nobody|>"], "warning", "no token of the vocabulary"),
      (["tokenizer.ggml.merges[0]=xq zq"], "error", "merge 0 joins"),
      (["llama.block_count=5"], "error", "is not there"), (["llama.feed_forward_length=760"], "error", "has shape"),
      (["tokenizer.ggml.tokens:[string]=[\"a\"]"], "error", "rows of embedding"),
    ])
  func wrong(_ edits: [String], _ severity: String, _ words: String) throws {
    let folder = try TemporaryFolder()
    let report = try Self.check(try Self.gguf(folder, edits))
    #expect(report.says(severity, words), "\(report.findings)")
    #expect(report.code == (report.errors.isEmpty ? 0 : 1))
    #expect(severity != "error" || report.code == 1)
  }

  @Test(
    "Beside the original",
    arguments: [
      (["tokenizer.ggml.merges[0]=h e", "tokenizer.ggml.merges[3]=e r"], "error", "the vocabularies differ"),
      (["tokenizer.ggml.tokens[1]=#", "tokenizer.ggml.tokens[2]=\""], "error", "read as other tokens"),
      (["tokenizer.ggml.eos_token_id=3"], "warning", "eos_token_id is 3, and 1021 in the original"),
      (["tokenizer.chat_template=other"], "warning", "the chat template is another one"),
      (["llama.rope.freq_base=500000"], "error", "llama.rope.freq_base is 500000.0, and 10000.0 in the original"),
      (["tokenizer.ggml.pre=gpt-2"], "error", "the vocabularies differ in pre"),
    ])
  func against(_ edits: [String], _ severity: String, _ words: String) throws {
    let folder = try TemporaryFolder()
    let model = try Self.gguf(folder, edits)
    let report = try Self.check(model, "--against", TinyLlama.path)
    #expect(report.says(severity, words), "\(report.findings)")
    #expect(severity != "error" || report.code == 1)
  }

  @Test func withoutItsTemplateOrItsTokenizer() throws {
    let folder = try TemporaryFolder()
    let model = try Self.gguf(folder)
    try Command.succeed("edit", model, "--remove", "tokenizer.chat_template")
    #expect(try Self.check(model).says("note", "no chat template"))
    #expect(try Self.check(model, "--against", TinyLlama.path).says("error", "and this has none"))
    try Command.succeed("edit", model, "--remove", "tokenizer.ggml.model")
    #expect(try Self.check(model, "--against", TinyLlama.path).says("error", "has a tokenizer, and this has none"))
  }

  @Test("Values that are no numbers, and tensors of zeros") func values() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint { $0.type = "F32" }.write(to: folder.file("model")) { tensors in
      for (number, tensor) in tensors.enumerated() {
        var bytes = tensor.bytes
        switch tensor.name {
        case "model.layers.0.mlp.up_proj.weight":
          // NaN, and twice infinity.
          bytes.replaceSubrange(0..<12, with: [0, 0, 0xC0, 0x7F, 0, 0, 0x80, 0x7F, 0, 0, 0x80, 0xFF])
        case "model.layers.1.mlp.up_proj.weight": bytes = Array(repeating: 0, count: bytes.count)
        default: continue
        }
        tensors[number] = RawTensor(tensor.name, type: tensor.type, shape: tensor.shape, bytes: bytes)
      }
    }
    let report = try Self.check(model)
    #expect(report.code == 1 && report.says("error", "NaN (1 in all) or infinite (2)"), "\(report.findings)")
    #expect(report.findings.contains { $0["names"] == ["model.layers.0.mlp.up_proj.weight"] })
    #expect(report.says("warning", "every value is zero"))
  }

  @Test("A scale that is NaN makes a block of them", arguments: ["q4_0", "q8_0", "q4_k_m", "mxfp4"])
  func scales(_ type: String) throws {
    let folder = try TemporaryFolder()
    let model = folder.file("m.gguf")
    try Command.succeed("quantize", TinyLlama.path, model, "--type", type)
    let plan = try Command.succeed(
      "quantize", TinyLlama.path, folder.file("n.gguf"), "--type", type, "--dry-run", "--json"
    ).json()
    let tensor = try #require(plan["tensors"]?.array?.first { $0["name"] == "blk.1.ffn_up.weight" })
    let offset = try #require(tensor["stored"]?.array?.first?["offset"]?.int)
    var bytes = try folder.read("m.gguf")
    // An F16 scale comes first, or an exponent of 255 that stands for NaN.
    bytes.replaceSubrange(offset..<offset + 2, with: type == "mxfp4" ? [0xFF, bytes[offset + 1]] : [0x00, 0x7E])
    try folder.write(bytes, to: "m.gguf")
    let report = try Self.check(model)
    #expect(report.code == 1 && report.says("error", "NaN"), "\(report.findings)")
    #expect(report.findings.contains { $0["names"] == ["blk.1.ffn_up.weight"] })
  }

  @Test("Another model's tensors are found out") func strangers() throws {
    let folder = try TemporaryFolder()
    let one = try TinyCheckpoint().write(to: folder.file("one"))
    let other = try TinyCheckpoint { $0.seed = 2 }.write(to: folder.file("other"))
    let report = try Self.check(other, "--against", one)
    #expect(report.code == 1 && report.says("error", "hardly anything of the original's values"), "\(report.findings)")
  }

  @Test("Broken files are 1, what is none 2") func files() throws {
    let folder = try TemporaryFolder()
    let model = try Self.gguf(folder)
    try folder.write(try folder.read("m.gguf").prefix(1_000_000), to: "cut.gguf")
    let report = try Self.check(folder.file("cut.gguf"))
    #expect(report.code == 1 && report.says("error", "is the download complete?"))
    #expect(report.findings.first?["rule"] == "GGUF-22" && report.json["container"] == .null)
    for arguments in [["check", folder.file("nothing")], ["check", model, "--against", folder.file("nothing")]] {
      let result = try Command.run(arguments)
      #expect(result.exitCode == 2 && result.errors.contains("no such file"), "\(result.errors)")
    }
    #expect(try Command.run("check", model, "--text", "x").exitCode == 64)
  }

  @Test("Every hostile fixture is an error, or cannot be read") func hostile() throws {
    for format in ["GGUF", "Safetensors"] {
      let fixtures = Fixtures(of: format)
      for name in fixtures.names(in: "hostile", suffix: format == "GGUF" ? ".gguf" : ".safetensors")
      // It has the ending of another container, and is in order.
      where name != "GGUF-1-safetensors.gguf" {
        let result = try Command.run("check", fixtures.path("hostile/\(name)"))
        #expect(result.exitCode == 1 || result.exitCode == 2, "\(name): \(result.output)")
      }
    }
  }
}
