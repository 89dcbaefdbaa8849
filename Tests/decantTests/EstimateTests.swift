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

  @Test("Memory takes several sizes, given with commas or one by one")
  func memories() throws {
    let json = try Command.succeed(
      "estimate", TinyLlama.path, "--memory", "8MB,9MiB", "--memory", "24GB", "--type", "bf16,q4_0", "--json"
    ).json()
    #expect(json["memory"] == [8_000_000, 9_437_184, 24_000_000_000])
    #expect(json["types"]?.array?.map { $0["longest_contexts"]?.array?.count } == [3, 3])
    let result = try Command.succeed("estimate", TinyLlama.path, "--memory", "8MB,24GB", "--type", "q4_0")
    #expect(result.output.contains("24.0"))
  }

  @Test(
    "A size of memory that forgets its unit, or is none, is refused",
    arguments: [
      ("24", "write 24GB"), ("8,16GB", "write 8GB"), ("999999", "write 999999GB"), ("24XB", "such as 24GB"),
      ("", "Missing value"), ("8GB,,9GB", "such as 24GB"), ("-1GB", "such as 24GB"), ("8GB,8GB", "is there twice"),
    ])
  func memoryUsage(_ text: String, _ words: String) throws {
    let result = try Command.run(["estimate", TinyLlama.path, "--memory=" + text])
    #expect(result.exitCode == 64 && result.errors.contains(words), "\(result.errors)")
  }

  @Test("Bytes need no unit where there are as many as memories have")
  func bytes() throws {
    let json = try Command.succeed("estimate", TinyLlama.path, "--memory", "24000000000", "--type", "q4_0", "--json")
      .json()
    #expect(json["memory"] == [24_000_000_000])
  }

  @Test("Where no type fits, one that does is named, or that none does; once")
  func alternatives() throws {
    let result = try Command.succeed("estimate", TinyLlama.path, "--type", "bf16,q8_0", "--memory", "3MB,1.0MB")
    #expect(result.errors.contains("none of these types fits into 3.00 MB; "))
    #expect(result.errors.contains("does, with a context of up to"))
    #expect(result.errors.contains("none of these types fits into 1.00 MB; even "))
    #expect(!result.output.contains("none") && !result.output.contains("Context in"))
    let json = try Command.succeed(
      "estimate", TinyLlama.path, "--type", "bf16,q8_0", "--memory", "3MB,1.0MB", "--json"
    ).json()
    let found = json["alternatives"]?.array ?? []
    #expect(found.count == 2 && found.allSatisfy { $0["type"]?.string != nil && $0["bytes"]?.int != nil })
    #expect(found.first?["longest_context"]?.int != nil && found.last?["longest_context"] == .null)
    #expect((found.first?["bytes"]?.int ?? .max) < 3_000_000)
  }

  @Test("It is said where a context ends with what the model was trained for, and where one is longer than that")
  func trainedContext() throws {
    let trained = try #require(
      try Command.succeed("estimate", TinyLlama.path, "--json").json()["trained_context"]?.int)
    let capped = try Command.succeed("estimate", TinyLlama.path, "--type", "q4_0", "--memory", "24GB")
    #expect(capped.errors.contains("tokens, which the model was trained for"))
    let tight = try Command.succeed("estimate", TinyLlama.path, "--type", "bf16", "--memory", "7.3MB")
    #expect(!tight.errors.contains("trained for"))
    let beyond = try Command.succeed("estimate", TinyLlama.path, "--type", "q4_0", "--context", "\(trained + 1)")
    #expect(beyond.errors.contains("was trained for contexts of up to"))
    let within = try Command.succeed("estimate", TinyLlama.path, "--type", "q4_0", "--context", "\(trained)")
    #expect(!within.errors.contains("trained for"))
  }

  @Test("Tensors that get another type are told, each cause once, with the types that it concerns")
  func fallback() throws {
    let folder = try TemporaryFolder()
    // Rows of 192 fill neither blocks of 256 nor groups of 128.
    let config = """
      {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 192, "intermediate_size": 512, \
      "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 320, "rms_norm_eps": 1e-5, "hidden_act": "silu", \
      "max_position_embeddings": 4096, "tie_word_embeddings": false}
      """
    let path = try folder.write(Array(config.utf8), to: "config.json")
    let types = "q6_k,gptq:int4/128,awq:int4/128"
    let result = try Command.succeed("estimate", path, "--type", types)
    #expect(result.errors.contains("note: q6_k: "))
    #expect(result.errors.contains("rows of 192 do not divide into q6_k blocks of 256"))
    #expect(result.errors.contains("gptq:int4/128"))
    // Options of quantize are none of estimate.
    #expect(!result.errors.contains("--group-size") && !result.errors.contains("--no-fallback"))
    let json = try Command.succeed("estimate", path, "--type", types, "--json").json()
    #expect(json["notes"]?.array?.contains { $0.string?.contains("rows of 192") == true } == true)
  }

  @Test("A type that is only read is refused with those that are written instead")
  func unwritten() throws {
    let result = try Command.run(["estimate", TinyLlama.path, "--type", "iq2_xs"])
    #expect(result.exitCode == 64 && !result.errors.contains("iq4_xs"))
    for type in ["q2_k", "q3_k_s", "mlx:int2", "mlx:int3"] {
      _ = try Command.succeed("estimate", TinyLlama.path, "--type", type)
      #expect(type.split(separator: ":").allSatisfy { result.errors.contains($0) }, "\(type)")
    }
  }

  @Test("An estimate says how it was made, on its page too")
  func origin() throws {
    let folder = try TemporaryFolder()
    let config = try FileBytes.read(TinyLlama.file("config.json"))
    for name in ["config.json", "other.json"] {
      let path = try folder.write(config, to: name)
      let json = try Command.succeed("estimate", path, "--type", "q4_0", "--json").json()
      #expect(json["model"]?.string == name)
      #expect(json["origin"]?["command"]?.array?.first == "estimate")
      let digest = try #require(json["origin"]?["config_xxh3_128"]?.string)
      _ = try Command.succeed(
        "estimate", path, "--type", "bf16,q4_0", "--memory", "1.0MB", "--report", folder.file("page.html"), "--force")
      let page = String(decoding: try FileBytes.read(folder.file("page.html")), as: UTF8.self)
      for words in [digest, "How it was made", "estimate ", "none of these types fits"] {
        #expect(page.contains(words), "\(words)")
      }
    }
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
