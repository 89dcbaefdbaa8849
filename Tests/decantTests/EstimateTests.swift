import Foundation
import JSON
import TestSupport
import Testing

@Suite struct EstimateCommandTests {
  private func tensorBytes(_ path: String, _ arguments: String...) throws -> Int {
    let folder = try TemporaryFolder()
    let plan = try Command.succeed(["quantize", path, folder.file("x")] + arguments + ["--dry-run", "--json"]).json()
    return (plan["tensors"]?.array ?? []).reduce(0) { $0 + ($1["bytes"]?.int ?? 0) }
  }

  @Test("Sizes are those of a dry run, with or without the weights")
  func dryRun() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write(try FileBytes.read(TinyLlama.file("config.json")), to: "config.json")
    let types = "q4_k_m,nf4/128+double,gptq:int4/32,q8_0"
    let expected = [
      try tensorBytes(TinyLlama.path, "--type", "q4_k_m"),
      try tensorBytes(TinyLlama.path, "--type", "nf4", "--block-size", "128", "--double-quant"),
      try tensorBytes(TinyLlama.path, "--layout", "gptq", "--type", "int4", "--group-size", "32"),
      try tensorBytes(TinyLlama.path, "--type", "q8_0"),
    ]
    for model in [TinyLlama.path, folder.file("config.json"), folder.path] {
      let json = try Command.succeed("estimate", model, "--type", types, "--json").json()
      #expect(json["types"]?.array?.map { $0["bytes"]?.int } == expected, "\(model)")
      #expect(json["weights"] == 3_541_248)
    }
    #expect(try folder.names() == ["config.json"])
  }

  @Test("A table tells what runs in a memory, and a type that rows do not fit is told why")
  func table() throws {
    let result = try Command.succeed("estimate", TinyLlama.path, "--memory", "8MB", "--type", "q4_0,bf16,gptq:int4/512")
    #expect(["8.00", "KV cache", "QLoRA"].allSatisfy(result.output.contains))
    #expect(result.errors.contains("not as gptq:int4/512"))
  }

  @Test(
    "What means nothing is refused",
    arguments: [
      ["--type", "q9"], ["--type", "q4_0,"], ["--type", "gptq:q4_0"], ["--batch", "0"], ["--context", "-1"],
      ["--type", "nf4/77"], ["--type", "gptq:int4/0"], ["--type", ":"], ["--type", "nf4/+double"],
      ["--type", "a:b:c/1/2"], ["--type", "q4_0+double"], ["--type", "q4_0,q4_0"], ["--type", "+double"],
      ["--context", "99999999999"],
    ])
  func usage(_ words: [String]) throws {
    let result = try Command.run(["estimate", TinyLlama.path] + words)
    #expect(result.exitCode == 64 && !result.errors.contains("CommandError"), "\(result.errors)")
  }

  /// Each of its tensors can be counted, all of them together cannot.
  private static let huge = """
    {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 16777216, "intermediate_size": 16777216, \
    "num_hidden_layers": 10000, "num_attention_heads": 65536, "head_dim": 256, "vocab_size": 320, "rms_norm_eps": 1e-5, \
    "max_position_embeddings": 4096}
    """

  @Test("What is no configuration is refused in a line")
  func malformed() throws {
    let folder = try TemporaryFolder()
    for (text, words) in [
      (Self.huge, "asks for more"), ("{}", "no configuration"), ("[1]", "no configuration"),
      ("{\"model_type\": \"nonsense\"}", "architectures"),
      ("{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"llama\"}", "config.json"),
    ] {
      _ = try folder.write(Array(text.utf8), to: "config.json")
      try Command.expectFailure(["estimate", folder.file("config.json")], mentions: [words])
    }
    try Command.expectFailure(["estimate", folder.file("nothing.json")], mentions: ["nothing.json"])
  }
}
