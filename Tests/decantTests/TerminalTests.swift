import ArgumentParser
import Foundation
import JSON
import TestSupport
import Testing

@testable import decant

/// What a person at a terminal meets besides results.
@Suite struct TerminalTests {
  // MARK: - Words

  @Test(arguments: [
    (["quantise", "a", "b", "--type", "q8_0"], "did you mean quantize?"), (["qauntize"], "did you mean quantize?"),
    (["frobnicate"], "The commands are assemble, calibrate, check"), (["help", "quantise"], "did you mean quantize?"),
    (["quantise", "--help"], "did you mean quantize?"), (["--versoin"], "did you mean --version?"),
    (["--json", "inspect", "a"], "no option --json before a command"),
    (["--generate-completion-script", "tcsh"], "takes bash, zsh or fish"),
    (["quantize", "a", "b", "--type", "q8_0", "--tensor-type", "((.+)+)+X=q4_0"], "repeats a group"),
    (["quantize", "a", "b", "--tpye", "q8_0"], "did you mean --type?"),
    (["quantize", "a", "b", "-type", "q8_0"], "did you mean --type?"),
    (["inspect", "a", "--xyzzy"], "--help lists them"),
    (["quantize", "a", "b", "--type", "q4km"], "did you mean q4_k_m?"),
    (["quantize", "a", "b", "--type", "nf5"], "did you mean nf4?"),
    (["quantize", "a", "b", "--type", "zzz"], "the types are f32"),
  ])
  func whatMayHaveBeenMeant(_ arguments: [String], _ text: String) throws {
    let result = try Command.run(arguments)
    #expect(result.exitCode == 64 && result.errors.contains(text), "\(result.errors)")
  }

  @Test(arguments: [
    ["--type", "q8_0", "--type", "q4_0"], ["-t", "q8_0", "--type", "q4_0"], ["--type=q8_0", "--type=q8_0"],
    ["--type", "q8_0", "--to", "gguf", "--to", "gguf"], ["--type", "q4_0", "--imatrix", "a", "--imatrix", "b"],
  ])
  func oneValueIsGivenOnce(_ arguments: [String]) throws {
    let result = try Command.run(["quantize", "a", "b"] + arguments)
    #expect(result.exitCode == 64 && result.errors.contains("is given 2 times"), "\(result.errors)")
  }

  @Test func whatMayBeGivenSeveralTimes() throws {
    let result = try Command.run([
      "quantize", "none", "b", "--type", "q8_0", "--tensor-type", "a=q4_0", "--tensor-type", "b=q4_0", "-v", "-v",
    ])
    #expect(result.exitCode == 1 && result.errors.contains("none: no such file"), "\(result.errors)")
  }

  @Test(arguments: [
    ["--type", "q8_0", "--block-size", "64"], ["--type", "q4_k_m", "--double-quant"],
    ["--type", "q4_0", "--no-double-quant"],
    ["--type", "f16", "--block-size", "64"], ["--type", "nf4", "--pure"], ["--type", "f16", "--pure"],
    ["--type", "nf4", "--imatrix", "i"], ["--type", "f16", "--imatrix", "i"], ["--type", "q8_0", "--imatrix", "i"],
    ["--type", "nf4", "--no-fallback"], ["--type", "f16", "--no-fallback"], ["--type", "nf4", "--leave-output-tensor"],
    ["--type", "q8_0", "--chunks", "2"], ["--type", "q8_0", "--context", "64"], ["--type", "q8_0", "--markdown"],
    ["--type", "q8_0", "--tokenizer", "t"], ["--type", "q8_0", "--verify", "t", "--markdown", "--json"],
  ])
  func whatWouldChangeNothing(_ arguments: [String]) throws {
    let result = try Command.run(["quantize", "a", "b"] + arguments)
    #expect(result.exitCode == 64 && result.errors.contains("Error: --"), "\(result.errors)")
  }

  @Test(arguments: [
    ["--type", "q8_0", "--tensor-type", "x=nf4", "--block-size", "128"], ["--type", "q4_k_m", "--pure"],
    ["--type", "nf4", "--double-quant"], ["--type", "q8_0", "--tensor-type", "x=q4_0", "--imatrix", "i"],
    ["--type", "q4_k_m", "--no-fallback"], ["--type", "q8_0", "--leave-output-tensor"],
    ["--type", "nf4", "--tensor-type", "x=q8_0", "--leave-output-tensor"],
  ])
  func whatChangesSomething(_ arguments: [String]) throws {
    let result = try Command.run(["quantize", "none", "b"] + arguments)
    #expect(result.exitCode == 1, "\(result.errors)")
  }

  @Test(arguments: [
    ["convert", "a", "-"], ["quantize", "a", "-", "--type", "q8_0"], ["pack", "a", "-"], ["unpack", "a", "-"],
    ["merge", "a", "b", "/dev/stdout"], ["imatrix", "a", "--text", "t", "--output", "-"],
    ["perplexity", "a", "--text", "t", "--logits", "-"],
  ])
  func standardOutputTakesNoOutput(_ arguments: [String]) throws {
    let result = try Command.run(arguments)
    #expect(result.exitCode == 64 && result.errors.contains("not written from its beginning"), "\(result.errors)")
  }

  // MARK: - Notes and failures

  @Test(
    "Words of the command line that command a terminal are spelled out, whoever refuses them",
    arguments: [
      ["inspect", "a\u{1B}[31m\u{202E}b*"], ["a\u{1B}[31m\u{202E}b*"], ["inspect", "--a\u{1B}[31m\u{202E}b*"],
      ["quantize", "a", "b", "--type", "a\u{1B}[31m\u{202E}b*"], ["hash", "a", "--threads", "a\u{1B}[31m\u{202E}b*"],
    ])
  func refusedWords(_ arguments: [String]) throws {
    let result = try Command.run(arguments)
    #expect(result.exitCode != 0)
    #expect(result.errors.contains(#"a\u{1B}[31m\u{202E}b*"#), "\(result.errors.debugDescription)")
    #expect(!result.errors.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" })
    #expect(result.output.isEmpty)
  }

  @Test("JSON escapes what commands a terminal") func namesInJSON() throws {
    let folder = try TemporaryFolder()
    let name = "a\u{7F}\u{9B}31m\u{202E}\u{2028}\u{E0001}ü"
    try folder.write(
      try RawSafetensors.bytes(of: [RawTensor(name, type: "F32", shape: [1], values: [1])]), to: "m.safetensors")
    let result = try Command.succeed("inspect", folder.file("m.safetensors"), "--tensors", "--json")
    #expect(result.output.contains(#"a\u007f\u009b31m\u202e\u2028\udb40\udc01ü"#), "\(result.output.debugDescription)")
    #expect(try result.json()["tensors"]?.array?.first?["name"]?.string == name)
  }

  @Test(
    "What cannot be written is no success",
    arguments: ["--help", "--version", "help quantize", "--generate-completion-script bash"])
  func resultsThatNobodyGets(_ arguments: String) throws {
    #expect(try Command.shell("decant \(arguments) >&-").exitCode == 1)
    let full = try Command.shell("decant \(arguments) >/dev/full")
    #expect(full.exitCode == 1 && full.errors.contains("standard output"), "\(full.errors)")
    #expect(try Command.shell("decant \(arguments)").exitCode == 0)
  }

  @Test func nothingAskedForIsNothingDone() throws {
    let result = try Command.run([])
    #expect(result.exitCode == 64)
    #expect(result.output.isEmpty && result.errors.contains("SUBCOMMANDS"), "\(result.errors)")
  }

  @Test func aWordThatIsNoText() throws {
    let result = try Command.shell(#"decant inspect $'m\xff.gguf'"#)
    #expect(result.exitCode == 1 && result.errors.contains("is not UTF-8"), "\(result.errors)")
  }

  @Test func oneCauseIsOneLine() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint { $0.layers = 12 }.write(to: folder.file("model"))
    let said = try Command.succeed("quantize", model, folder.file("a.gguf"), "--type", "q4_k_m")
    let notes = said.errors.split(separator: "\n").filter { $0.hasPrefix("note: ") }
    #expect(!notes.isEmpty && notes.count <= 6, "\(said.errors)")
    #expect(
      notes.contains { $0.contains("of layers 0 to 11") && $0.hasSuffix("; --no-fallback refuses that") },
      "\(said.errors)")
    let verbose = try Command.succeed("quantize", model, folder.file("b.gguf"), "--type", "q4_k_m", "--verbose")
    #expect(verbose.errors.contains("\n  blk.11.attn_q.weight\n"))
    // A matrix of another model is one failure.
    try Command.expectFailure(
      ["quantize", model, folder.file("c.gguf"), "--type", "q4_0", "--imatrix", TinyLlama.llamaImatrix],
      mentions: ["another model", "more like it"])
  }

  @Test func rulesAreForThoseWhoAsk() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("GGUF\u{3}\0\0\0".utf8, to: "short.gguf")
    let plain = try Command.run("inspect", path)
    #expect(plain.exitCode == 1 && !plain.errors.contains("GGUF-"), "\(plain.errors)")
    let verbose = try Command.run("inspect", path, "--verbose")
    #expect(verbose.exitCode == 1 && verbose.errors.contains("(GGUF-"), "\(verbose.errors)")
  }

  @Test func textsOfTheHelpFitATerminal() {
    for command in [Decant.self] + Decant.configuration.subcommands {
      for line in command.configuration.discussion.split(separator: "\n") {
        // Lists of families are as long as they are.
        #expect(line.count < 80 || line.contains(" that are known: "), "\(command): \(line)")
      }
    }
  }

  @Test func tablesFitATerminal() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint { $0.layers = 11 }.write(to: folder.file("model"))
    try Command.succeed("quantize", model, folder.file("nf4"), "--type", "nf4", "--double-quant")
    try Command.succeed("quantize", TinyLlama.path, folder.file("tiny.gguf"), "--type", "q4_0")
    let text = ["--text", TinyLlama.heldOutText, "--chunks", "1", "--context", "64"]
    for arguments in [
      ["inspect", folder.file("nf4"), "--tensors", "--metadata"],
      ["inspect", folder.file("tiny.gguf"), "--tensors", "--metadata"],
      ["quantize", model, folder.file("x"), "--type", "nf4", "--double-quant", "--dry-run"],
      ["convert", model, folder.file("x"), "--max-shard-size", "60kB", "--dry-run"],
      ["compare", TinyLlama.path, folder.file("tiny.gguf")] + text,
      ["compare", TinyLlama.path, folder.file("tiny.gguf"), folder.file("tiny.gguf")] + text,
    ] {
      let said = try Command.run(arguments)
      try #require(said.exitCode == 0, "\(said.errors)")
      for line in said.output.split(separator: "\n") where line.hasPrefix("  ") {
        #expect(line.count <= 80, "\(line)")
      }
    }
    let names = try Command.succeed("inspect", model, "--tensors").output.matches(of: /layers\.([0-9]+)\.mlp\.up_proj/)
    #expect(names.map { String($0.output.1) } == (0..<11).map(String.init))
  }

  // MARK: - Outputs

  @Test(arguments: ["model-q4", "Model-1.1B-Q4.Q4_0", "m.GGUF", "m.gguf"])
  func aTypeOfGGUFMakesAGGUF(_ name: String) throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    try Command.succeed("quantize", model, folder.file(name), "--type", "q4_0")
    #expect(try folder.read(name).starts(with: "GGUF".utf8))
    let report = try Command.succeed("inspect", folder.file(name), "--json").json()
    #expect(report["container"] == "gguf" && report["types"]?["q4_0"] != nil)
    try Command.expectFailure(
      ["quantize", model, folder.file("x.safetensors"), "--type", "q4_0"], mentions: ["GGUF"])
    try Command.expectFailure(["quantize", model, folder.file("x/"), "--type", "q4_0"], mentions: ["slash"])
  }

  @Test func endingsInCapitals() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    try Command.succeed("convert", model, folder.file("W.SAFETENSORS"))
    #expect(FileManager.default.fileExists(atPath: folder.file("W.SAFETENSORS")))
    try Command.succeed("convert", model, folder.file("m.gguf"), "--split-max-size", "200kB")
    let shards = try folder.names().filter { $0.hasPrefix("m-0") }
    try #require(shards.count > 1)
    for name in shards {
      try FileManager.default.moveItem(
        atPath: folder.file(name), toPath: folder.file(name.replacing(".gguf", with: ".GGUF")))
    }
    let first = folder.file(shards[0].replacing(".gguf", with: ".GGUF"))
    #expect(try Command.succeed("inspect", first, "--json").json()["files"]?.array?.count == shards.count)
    try Command.succeed("pack", folder.file("W.SAFETENSORS"), folder.file("W.SAFETENSORS.ZST"))
    #expect(try Command.succeed("inspect", folder.file("W.SAFETENSORS.ZST"), "--json").json()["packed"] == true)
  }

  @Test func theFilesOfASplitSetAreNamed() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    let said = try Command.succeed("convert", model, folder.file("m.gguf"), "--split-max-size", "200kB")
    let names = try folder.names().filter { $0.hasPrefix("m-0") }
    for name in names { #expect(said.errors.contains("  \(name)  "), "\(said.errors)") }
    #expect(said.errors.contains("wrote \(folder.file(names[0])): "))
  }

  @Test func anEmptyFolderIsAFineTarget() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    try FileManager.default.createDirectory(atPath: folder.file("out"), withIntermediateDirectories: false)
    try Command.succeed("convert", model, folder.file("out"))
    try Command.succeed("inspect", folder.file("out"))
    try Command.expectFailure(["convert", model, folder.file("out")], mentions: ["--force"])
    #expect(try folder.names() == ["model", "out"])
  }

  // MARK: - Inputs

  @Test func severalThingsAreInspected() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    let paths = [model, TinyLlama.llamaImatrix, TinyLlama.adapter("plain")]
    let said = try Command.run(["inspect"] + paths).output
    for text in ["LlamaForCausalLM", "importance matrix", "LoRA adapter", "Rank", "Base model"] {
      #expect(said.contains(text), "\(text)")
    }
    let report = try Command.run(["inspect", "--json"] + paths).json()
    let kinds = report["inspections"]?.array?.compactMap { $0["container"]?.string }
    #expect(kinds == ["safetensors", "imatrix", "adapter"])
    let failed = try Command.run(["inspect", folder.file("none"), model])
    #expect(failed.exitCode == 1 && failed.output.contains("LlamaForCausalLM") && failed.errors.contains("none"))
  }

  @Test func aRepositoryOfTheHubCache() throws {
    let folder = try TemporaryFolder()
    let cache = folder.file("models--org--name")
    for name in ["snapshots", "refs", "blobs"] {
      try FileManager.default.createDirectory(atPath: cache + "/" + name, withIntermediateDirectories: true)
    }
    try Command.expectFailure(["inspect", cache], mentions: ["no snapshot"])
    try TinyCheckpoint().write(to: cache + "/snapshots/abc")
    try Command.succeed("inspect", cache)
    try TinyCheckpoint { $0.layers = 1 }.write(to: cache + "/snapshots/def")
    try Command.expectFailure(["inspect", cache], mentions: ["2 snapshots", "snapshots/abc"])
    try folder.write("def\n".utf8, to: "models--org--name/refs/main")
    let report = try Command.succeed("inspect", cache, "--json").json()
    #expect(report["model"]?["num_hidden_layers"] == 1)
    try Command.succeed("convert", cache, folder.file("m.gguf"))
    try folder.write("../../..".utf8, to: "models--org--name/refs/main")
    try Command.expectFailure(["inspect", cache], mentions: ["which is not there"])
  }

  @Test func textFromAPipe() throws {
    let text = TinyLlama.heldOutText
    let arguments = "--chunks 1 --context 128 --json"
    let expected = try Command.shell("decant perplexity '\(TinyLlama.path)' --text '\(text)' \(arguments)")
    try #require(expected.exitCode == 0, "\(expected.errors)")
    for script in [
      "decant perplexity '\(TinyLlama.path)' --text <(cat '\(text)') \(arguments)",
      "cat '\(text)' | decant perplexity '\(TinyLlama.path)' --text /dev/stdin \(arguments)",
      "cat '\(text)' | decant perplexity '\(TinyLlama.path)' --text - \(arguments)",
      "decant perplexity '\(TinyLlama.path)' --text - \(arguments) < '\(text)'",
      "decant perplexity '\(TinyLlama.path)' \(arguments) --text <(iconv -f UTF-8 -t UTF-16 '\(text)')",
      "decant perplexity '\(TinyLlama.path)' \(arguments) --text <(printf '\\xEF\\xBB\\xBF'; cat '\(text)')",
    ] {
      let result = try Command.shell(script)
      #expect(result.exitCode == 0, "\(script): \(result.errors)")
      let (said, whole) = (try result.json(), try expected.json())
      #expect(said["origin"]?["text"]?["windows_xxh3_128"] == whole["origin"]?["text"]?["windows_xxh3_128"])
      #expect(said.withoutOrigin == whole.withoutOrigin, "\(script)")
    }
    let compared = try Command.shell(
      "decant compare '\(TinyLlama.path)' '\(TinyLlama.path)' '\(TinyLlama.path)' --text <(cat '\(text)') \(arguments)")
    #expect(compared.exitCode == 0, "\(compared.errors)")
  }

  // MARK: - Completion

  @Test(arguments: [
    ("decant quan", "quantize"), ("decant quantize a b --type q4_k", "q4_k_m"), ("decant quantize a b -t nf", "nf4"),
    ("decant convert a b --dtype b", "bf16"), ("decant convert a b --to g", "gguf"), ("decant inspect mod", "model"),
    ("decant quantize mod", "model"), ("decant compare model mod", "model"),
    ("decant perplexity model --text te", "text.txt"),
    ("decant quantize model out --type q4_0 --imatrix te", "text.txt"),
    ("decant quantize a b --type mixed_2", "mixed_2_6"), ("decant quantize a b --layout ml", "mlx"),
    ("decant perplexity model --text text.txt --save-progress te", "text.txt"),
    ("decant quantize a b --output-tensor-type q6", "q6_k"), ("decant merge a b c --adapter mod", "model"),
  ])
  func bashCompletes(_ line: String, _ expected: String) throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.file("model"), withIntermediateDirectories: false)
    try folder.write([], to: "text.txt")
    let words = line.split(separator: " ")
    let result = try Command.shell(
      """
      cd '\(folder.path)'
      source <(decant --generate-completion-script bash)
      COMP_WORDS=(\(words.map { "'\($0)'" }.joined(separator: " "))); COMP_CWORD=\(words.count - 1)
      COMP_LINE='\(line)'; COMP_POINT=\(line.utf8.count); COMP_TYPE=9
      _decant decant '\(words[words.count - 1])' '\(words[words.count - 2])' 2>/dev/null
      printf '%s\\n' "${COMPREPLY[@]}"
      """)
    let offered = result.output.split(separator: "\n").map { $0.trimmingCharacters(in: ["/", " "]) }
    #expect(offered.contains(expected), "\(result.output) \(result.errors)")
  }

  @Test("Every shell's completions know every command and option of it", arguments: ["bash", "zsh", "fish"])
  func completionsAreWhole(_ shell: String) throws {
    let script = try Command.succeed("--generate-completion-script", shell)
    let help = try Command.succeed("--experimental-dump-help").json()
    let commands = try #require(help["command"]?["subcommands"]?.array)
    #expect(commands.count > 10)
    for command in commands {
      let names =
        [command["commandName"]?.string].compactMap(\.self)
        + (command["arguments"]?.array ?? [])
        .flatMap { $0["names"]?.array ?? [] }.compactMap { $0["name"]?.string }
      for name in names { #expect(script.output.contains(name), "\(name)") }
    }
    let folder = try TemporaryFolder()
    try folder.write(script.output.utf8, to: "script")
    let checked = try Command.shell("if command -v \(shell); then \(shell) -n '\(folder.file("script"))'; fi")
    #expect(checked.exitCode == 0 && checked.errors.isEmpty, "\(checked.errors)")
  }
}
