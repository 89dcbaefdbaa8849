import Foundation
import JSON
import TestSupport
import Testing

/// `quantize` with ggml's types and llama-quantize's mixes.
@Suite struct QuantizeTests {
  /// Rows that superblocks fit.
  private static func model(_ folder: TemporaryFolder) throws -> String {
    try TinyCheckpoint {
      $0.hidden = 256
      $0.inner = 512
    }.write(to: folder.file("model"))
  }

  @Test(
    "A name means the mix of that name, --pure one type",
    arguments: [
      ([], ["output.weight": "q6_k", "blk.1.attn_v.weight": "q6_k", "blk.0.attn_q.weight": "q4_k"]),
      (["--pure"], ["output.weight": "q4_k", "blk.1.attn_v.weight": "q4_k", "blk.0.attn_q.weight": "q4_k"]),
      (
        ["--output-tensor-type", "q8_0", "--token-embedding-type", "q5_0"],
        ["output.weight": "q8_0", "token_embd.weight": "q5_0", "blk.0.attn_q.weight": "q4_k"]
      ),
      (["--leave-output-tensor"], ["output.weight": "bf16", "blk.0.attn_q.weight": "q4_k"]),
    ])
  func mixes(_ options: [String], _ types: [String: String]) throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "quantize", try Self.model(folder), folder.file("m.gguf"), "--type", "Q4_K_M", "--dry-run", "--json",
    ]
    let plan = try Command.run(arguments + options)
    #expect(plan.exitCode == 0, "\(plan.errors)")
    var planned: [String: String] = [:]
    for tensor in try plan.json()["tensors"]?.array ?? [] {
      planned[tensor["name"]?.string ?? ""] = tensor["type"]?.string
    }
    for (name, type) in types { #expect(planned[name] == type, "\(name)") }
  }

  /// What is asked for, and what is said of it.
  @Test(arguments: [
    (["m", "--type", "nf4", "--output-tensor-type", "nf4"], "changes nothing: it is the token embedding"),
    (["m.gguf", "--type", "q8_0", "--leave-output-tensor"], "changes nothing: it is the token embedding"),
    (["m.gguf", "--type", "mxfp4_moe"], "no tensor becomes mxfp4"),
  ])
  func whatHasNoTensorIsTold(_ arguments: [String], _ note: String) throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint { $0.isTied = true }.write(to: folder.file("model"))
    let plan = try Command.run(["quantize", model, folder.file(arguments[0]), "--dry-run"] + arguments.dropFirst())
    #expect(plan.exitCode == 0 && plan.output.contains(note), "\(plan.output)")
    let head = try Command.run(
      ["quantize", try Self.model(folder), folder.file(arguments[0]), "--dry-run"] + arguments.dropFirst())
    #expect(head.output.contains(note) == (note.contains("mxfp4")), "\(head.output)")
  }

  @Test(arguments: [
    (["empty", "--type", "q4_k_m"], ["empty", "is a folder, and the output is a file"]),
    (["empty", "--type", "q4_k_m", "--force"], ["empty", "is a folder, and the output is a file"]),
    (["m.gguf", "--type", "q8_0", "--to", "safetensors"], ["m.gguf", "q8_0", "without --to"]),
    (["m.safetensors", "--type", "q4_k_m"], ["m.safetensors", "q4_k_m stands for types", "something.gguf"]),
  ])
  func theRemedyIsTrue(_ arguments: [String], _ mentions: [String]) throws {
    let folder = try TemporaryFolder()
    let model = try Self.model(folder)
    try FileManager.default.createDirectory(atPath: folder.file("empty"), withIntermediateDirectories: true)
    try Command.expectFailure(
      ["quantize", model, folder.file(arguments[0])] + arguments.dropFirst(), mentions: mentions)
  }

  @Test(
    "Bytes depend neither on threads nor on the instruction set", arguments: ["q4_k_m", "q3_k_m", "q2_k", "iq4_xs"])
  func sameBytes(_ type: String) throws {
    let folder = try TemporaryFolder()
    let model = try Self.model(folder)
    var outputs: Set<[UInt8]> = []
    for kernels in ["baseline", "v3", "v4"] {
      for threads in ["1", "2"] {
        let result = try Command.run(
          ["quantize", model, folder.file("m.gguf"), "--type", type, "--threads", threads, "--force"],
          environment: ["DECANT_KERNELS": kernels])
        if result.exitCode != 0, result.errors.contains("is not a set of kernels that this machine runs") { continue }
        #expect(result.exitCode == 0, "\(result.errors)")
        outputs.insert(try folder.read("m.gguf"))
      }
    }
    #expect(outputs.count == 1)
  }

  @Test(
    "What is not written is refused before anything is read",
    arguments: [
      (["--type", "iq2_xs"], "not yet written"), (["--type", "IQ3_M"], "not yet written"),
      (["--type", "q2_k_s"], "--imatrix"), (["--type", "q9_k"], "There is no type q9_k"),
      (["--type", "q4_0", "--leave-output-tensor", "--output-tensor-type", "q8_0"], "contradict"),
      (["--type", "q4_0", "--prune-layers", "1,x"], "--prune-layers"),
      (["--type", "q4_0", "--override-kv", "a=u9:1"], "key=type:value"),
      (["--type", "q4_0", "--pre-tokenizer", "glm3"], "llama-bpe, llama3"),
    ])
  func refusals(_ options: [String], _ reason: String) throws {
    let result = try Command.run(["quantize", "/nowhere", "/nowhere/m.gguf"] + options)
    #expect(result.exitCode == 64 && result.errors.contains(reason), "\(result.exitCode) \(result.errors)")
  }

  @Test func textIsCutAsThePreTokenizerThatIsNamed() throws {
    let folder = try TemporaryFolder()
    try Command.succeed(
      "quantize", TinyLlama.path, folder.file("m.gguf"), "--type", "q8_0", "--pre-tokenizer", "qwen2", "--verify",
      TinyLlama.heldOutText, "--chunks", "1")
    let metadata = try Command.succeed("inspect", folder.file("m.gguf"), "--metadata", "--json").json()["metadata"]
    #expect(metadata?["tokenizer.ggml.pre"]?.string == "qwen2")
    try Command.succeed(
      "perplexity", TinyLlama.path, "--text", TinyLlama.heldOutText, "--chunks", "1", "--pre-tokenizer", "qwen2")
    let copy = try Command.run(["convert", TinyLlama.path, folder.file("copy"), "--pre-tokenizer", "qwen2"])
    #expect(copy.exitCode == 1 && copy.errors.contains("naming a pre-tokenizer is for GGUF outputs"), "\(copy.errors)")
  }

  @Test func anUnknownSetOfKernelsIsRefused() throws {
    let result = try Command.run(["inspect", TinyLlama.path], environment: ["DECANT_KERNELS": "v9"])
    #expect(result.exitCode == 1 && result.errors.contains("baseline"), "\(result.errors)")
  }

  @Test func anImportanceMatrixIsCollectedAndUsed() throws {
    let folder = try TemporaryFolder()
    try Command.succeed(
      "imatrix", TinyLlama.path, "--text", TinyLlama.heldOutText, "--chunks", "2", "--output", folder.file("im.gguf"))
    for options in [[], ["--imatrix", folder.file("im.gguf")]] {
      let result = try Command.run(
        ["quantize", TinyLlama.path, folder.file("\(options.count).gguf"), "--type", "q4_0", "--pure"] + options)
      #expect(result.exitCode == 0, "\(result.errors)")
    }
    #expect(try folder.read("0.gguf") != folder.read("2.gguf"))
    let metadata = try Command.succeed("inspect", folder.file("2.gguf"), "--metadata", "--json").json()["metadata"]
    #expect(metadata?["quantize.imatrix.chunks_count"]?.int == 2)
  }
}
