import Foundation
import JSON
import TestSupport
import Testing

/// Checkpoints of PyTorch on the command line.
@Suite struct TorchPickleTests {
  private let folder: TemporaryFolder
  private let model: String

  /// The trained model with its weights in shards of PyTorch.
  init() throws {
    folder = try TemporaryFolder()
    model = folder.file("pickled")
    try folder.makeFolder("pickled")
    var places: [String: JSONValue] = [:]
    for number in 1...2 {
      let file = try GoldenFile(path: TinyLlama.file("model-0000\(number)-of-00002.safetensors"))
      let tensors = try file.keys.map { key in
        RawTensor(key, type: file.type(key) ?? "", shape: try file.shape(key), bytes: try file.bytes(key))
      }
      let name = "pytorch_model-0000\(number)-of-00002.bin"
      for tensor in tensors { places[tensor.name] = .string(name) }
      try folder.write(RawTorchPickle.bytes(of: tensors), to: "pickled/" + name)
    }
    let index: JSONValue = ["metadata": ["total_size": 0], "weight_map": .object(places)]
    try folder.write(try index.serialized(), to: "pickled/pytorch_model.bin.index.json")
    for name in ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"] {
      try folder.write(try [UInt8](Data(contentsOf: URL(fileURLWithPath: TinyLlama.file(name)))), to: "pickled/" + name)
    }
  }

  @Test func everyCommandReadsThem() throws {
    let digests = try [TinyLlama.path, model].map {
      try Command.succeed("hash", $0, "--json").json()["sha256"]?.string
    }
    #expect(digests[0] == digests[1] && digests[0] != nil)
    let inspected = try Command.succeed("inspect", model, "--json").json()
    #expect(inspected["container"]?.string == "torch-pickle")

    try Command.succeed("convert", model, folder.file("m.gguf"))
    try Command.succeed("convert", model, folder.file("again"))
    #expect(try Command.succeed("hash", folder.file("again"), "--json").json()["sha256"]?.string == digests[0])
    try Command.succeed("rebuild", folder.file("m.gguf"), "--from", model)
    try Command.succeed("quantize", model, folder.file("q.gguf"), "--type", "q4_0", "--verify", TinyLlama.heldOutText)
    try Command.succeed("quantize", model, folder.file("nf4"), "--type", "nf4")
    let perplexities = try [TinyLlama.path, model].map {
      try Command.succeed("perplexity", $0, "--text", TinyLlama.heldOutText, "--chunks", "2", "--json").json()[
        "perplexity"]?
        .double
    }
    #expect(perplexities[0] == perplexities[1] && perplexities[0] != nil)
    try Command.succeed("merge", model, TinyLlama.adapter("plain"), folder.file("merged"))
    try Command.succeed("tokenize", model, "--text", TinyLlama.heldOutText)
  }

  /// What a pickle asks for is named, and does not happen.
  @Test func noCodeIsRun() throws {
    let mark = folder.file("executed")
    let pickle =
      Array("\u{2}cposix\nsystem\nX".utf8) + [UInt8(mark.utf8.count + 6), 0, 0, 0] + Array("touch \(mark)".utf8)
    let opening: [UInt8] =
      [0x80, 2, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E]
      + [0x80, 2, 0x4D, 0xE9, 0x03, 0x2E, 0x80, 2, 0x7D, 0x2E, 0x80]
    let path = try folder.write(opening + pickle + [0x85, 0x52, 0x2E], to: "evil.bin")
    for command in [["inspect", path], ["hash", path], ["convert", path, folder.file("o.safetensors")]] {
      try Command.expectFailure(command, mentions: [path, "\"posix.system\"", "no code of a file is run"])
    }
    #expect(try folder.names() == ["evil.bin", "pickled"])
  }
}
