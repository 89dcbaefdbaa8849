import Foundation
import JSON
import TestSupport
import Testing

/// `diff`: where two models differ.
@Suite struct DiffTests {
  private static func run(_ arguments: String...) throws -> (code: Int32, report: JSONValue) {
    let result = try Command.run(["diff", "--json"] + arguments)
    return (result.exitCode, try result.json())
  }

  @Test("The same model in other containers and files", arguments: ["m.gguf", "f32.gguf", "folder", "m.gguf.zst"])
  func same(_ name: String) throws {
    let folder = try TemporaryFolder()
    let output = folder.file(name)
    switch name {
    case "m.gguf.zst":
      try Command.succeed("convert", TinyLlama.path, folder.file("m.gguf"))
      try Command.succeed("pack", folder.file("m.gguf"), output)
    case "folder": try Command.succeed("split", TinyLlama.path, output, "--max-tensors", "10")
    case "f32.gguf": try Command.succeed("convert", TinyLlama.path, output, "--dtype", "f32")
    default: try Command.succeed("convert", TinyLlama.path, output)
    }
    let (code, report) = try Self.run(TinyLlama.path, output)
    #expect(code == 0 && report["equal"] == true)
    #expect(report["tensors"]?["same"] == 39 && report["tensors"]?["different"] == [])
    #expect(report["settings"] == [] && report["tokenizer"] == [])
    #expect(report["tensors"]?["same_values"]?.int == (name == "folder" ? 0 : name == "f32.gguf" ? 39 : 9))
  }

  @Test("One value, one shape, one tensor more and one less")
  func tensors() throws {
    let folder = try TemporaryFolder()
    let one = try TinyCheckpoint { $0.type = "F32" }.write(to: folder.file("one"))
    let other = try TinyCheckpoint { $0.type = "F32" }.write(to: folder.file("other")) { tensors in
      for (number, tensor) in tensors.enumerated() {
        switch tensor.name {
        case "model.layers.1.mlp.up_proj.weight":
          var bytes = tensor.bytes
          // The value 2 in place of one below 1.
          bytes.replaceSubrange(0..<4, with: [0, 0, 0, 0x40])
          tensors[number] = RawTensor(tensor.name, type: tensor.type, shape: tensor.shape, bytes: bytes)
        case "model.layers.0.mlp.up_proj.weight":
          tensors[number] = RawTensor(
            tensor.name, type: tensor.type, shape: tensor.shape.reversed(), bytes: tensor.bytes)
        case "model.norm.weight":
          tensors[number] = RawTensor(
            "model.normal.weight", type: tensor.type, shape: tensor.shape, bytes: tensor.bytes)
        default: break
        }
      }
    }
    let (code, report) = try Self.run(one, other)
    #expect(code == 1 && report["equal"] == false)
    let different = try #require(report["tensors"]?["different"]?.array)
    #expect(different.map { $0["kind"] } == ["shape", "removed", "added", "values"])
    #expect(report["tensors"]?["same"] == 18)
    let value = try #require(different.last)
    #expect(value["name"] == "model.layers.1.mlp.up_proj.weight")
    let largest = try #require(value["largest_error"]?.double)
    #expect(largest > 1.5 && largest < 2.5)
    #expect(value["relative_rms"]?.double ?? 0 > 0)
    let (_, only) = try Self.run(one, other, "--tensors", "layers.1|embed")
    #expect(only["tensors"]?["different"]?.array?.count == 1)
  }

  @Test func theMostDifferentComesFirstAndTheListIsLimited() throws {
    let folder = try TemporaryFolder()
    for type in ["q8_0", "q4_0"] {
      try Command.succeed("quantize", TinyLlama.path, folder.file("\(type).gguf"), "--type", type)
    }
    let (_, report) = try Self.run(folder.file("q8_0.gguf"), folder.file("q4_0.gguf"))
    let errors = (report["tensors"]?["different"]?.array ?? []).compactMap { $0["relative_rms"]?.double }
    #expect(errors.count > 20 && errors == errors.sorted(by: >))
    let arguments = ["diff", folder.file("q8_0.gguf"), folder.file("q4_0.gguf")]
    let (short, long) = (try Command.run(arguments).output, try Command.run(arguments + ["--verbose"]).output)
    #expect(short.contains("which --verbose lists") && !long.contains("which --verbose lists"))
    #expect(long.split(separator: "\n").count > short.split(separator: "\n").count)
    #expect(try Command.run(arguments + ["--quiet"]).output.isEmpty)
  }

  @Test("A setting and a token, in either container", arguments: [false, true])
  func settings(_ isGGUF: Bool) throws {
    let folder = try TemporaryFolder()
    var (one, other) = (folder.file("one"), folder.file("other"))
    for path in [one, other] { try FileManager.default.copyItem(atPath: TinyLlama.path, toPath: path) }
    for (name, change) in [
      ("config.json", ("\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": 2e-05")),
      ("tokenizer_config.json", ("<|im_end|>", "<|im_end|>\\n")),
    ] {
      let file = other + "/" + name
      let text = String(decoding: try FileBytes.read(file), as: UTF8.self)
      try #require(text.contains(change.0))
      try Data(text.replacing(change.0, with: change.1).utf8).write(to: URL(fileURLWithPath: file))
    }
    if isGGUF {
      for path in [one, other] { try Command.succeed("convert", path, path + ".gguf", "--no-provenance") }
      (one, other) = (one + ".gguf", other + ".gguf")
    }
    let (code, report) = try Self.run(one, other)
    #expect(code == 1 && report["tensors"]?["different"] == [])
    let keys = (report["settings"]?.array ?? []).compactMap { $0["key"]?.string }
    #expect(keys.contains(isGGUF ? "llama.attention.layer_norm_rms_epsilon" : "rms_norm_eps"), "\(keys)")
    let said = keys + (report["tokenizer"]?.array ?? []).compactMap { $0["key"]?.string }
    #expect(said.contains { $0.contains("chat_template") }, "\(said)")
  }

  @Test("What cannot be compared is 2") func incomparable() throws {
    let folder = try TemporaryFolder()
    let unknown = try TinyCheckpoint { $0.settings["architectures"] = ["NobodyForCausalLM"] }.write(
      to: folder.file("unknown"))
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    try Command.succeed("convert", model, folder.file("m.gguf"))
    for (one, other, mention) in [
      (model, folder.file("nothing"), "no such file"),
      (unknown, folder.file("m.gguf"), "which tensor of one container"),
    ] {
      let result = try Command.run("diff", one, other)
      #expect(result.exitCode == 2 && result.output.isEmpty, "\(result.errors)")
      #expect(result.errors.contains(mention) && result.errors.filter(\.isNewline).count <= 2, "\(result.errors)")
    }
    #expect(try Command.run("diff", model, model, "--tensors", "(").exitCode == 64)
    #expect(try Command.run("diff", unknown, unknown).exitCode == 0, "in one container nothing need be known")
  }
}
