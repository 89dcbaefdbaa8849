import ArgumentParser
import Bytes
import Foundation
import JSON
import TestSupport
import Testing

@testable import decant

/// Several outputs from one reading of the model, each as by itself.
@Suite struct SeveralTypesTests {
  @Test(
    "Each output has the bytes that it has by itself",
    arguments: [
      (["q4_k_m", "Q8_0", "f16", "q6_k", "bf16"], ".gguf", []), (["nf4", "int8", "fp4"], "", ["--double-quant"]),
      (["int4", "int8"], "", ["--layout", "gptq", "--group-size", "32"]),
      (["q4_k_m", "q4_0"], ".gguf", ["--imatrix", TinyLlama.llamaImatrix]),
    ] as [([String], String, [String])])
  func bytes(_ types: [String], _ ending: String, _ options: [String]) throws {
    let folder = try TemporaryFolder()
    let pattern = folder.file("m-{type}\(ending)")
    try Command.succeed(["quantize", TinyLlama.path, pattern, "--type", types.joined(separator: ","), "-q"] + options)
    for type in types {
      let own = folder.file("own-\(type.lowercased())\(ending)")
      try Command.succeed(["quantize", TinyLlama.path, own, "--type", type, "-q"] + options)
      let made = folder.file("m-\(type.lowercased())\(ending)")
      #expect(try contents(made) == contents(own), "\(type)")
    }
  }

  /// A file, or all files of a folder.
  private func contents(_ path: String) throws -> [String: [UInt8]] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [""]
    return Dictionary(
      uniqueKeysWithValues: try names.map { ($0, try FileBytes.read($0.isEmpty ? path : path + "/" + $0)) })
  }

  @Test("--verify compares all in one table, and --json has all")
  func verify() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "quantize", TinyLlama.path, folder.file("{type}.gguf"), "--type", "q8_0,q4_0", "--verify", TinyLlama.heldOutText,
      "--context", "64", "--chunks", "1",
    ]
    let table = try Command.succeed(arguments)
    #expect(
      table.output.contains("q8_0.gguf") && table.output.contains("q4_0.gguf") && table.output.contains("Mean KL"))
    let json = try Command.succeed(arguments + ["--force", "--json", "--report", folder.file("p.html")])
    let document = try json.json()
    #expect(
      document["outputs"]?.array?.map { $0["output"]?.string } == [folder.file("q8_0.gguf"), folder.file("q4_0.gguf")])
    #expect(document["verification"]?["comparisons"]?.array?.count == 2)
    _ = try folder.write(Array(json.output.utf8), to: "v.json")
    let again = try Command.succeed("report", folder.file("v.json"))
    #expect(again.output == table.output)
  }

  @Test("Killed at any moment, the same command goes on, and the bytes are the same")
  func killed() async throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "quantize", TinyLlama.path, folder.file("m-{type}.gguf"), "--type", "q2_k,q5_k_m,nf4", "--threads", "1",
    ]
    for milliseconds in [20, 40, 60, 90, 140] {
      try await Killing.run(arguments + ["--force"], after: .milliseconds(milliseconds), in: folder)
    }
    try Command.succeed(arguments + ["--force"])
    for type in ["q2_k", "q5_k_m", "nf4"] {
      let own = folder.file("own.gguf")
      try Command.succeed("quantize", TinyLlama.path, own, "--type", type, "-q", "--force")
      #expect(try FileBytes.read(folder.file("m-\(type).gguf")) == FileBytes.read(own), "\(type)")
    }
    #expect(try folder.names() == ["m-nf4.gguf", "m-q2_k.gguf", "m-q5_k_m.gguf", "own.gguf"])
  }

  @Test("A dry run tells of all and writes nothing")
  func dryRun() throws {
    let folder = try TemporaryFolder()
    let arguments = ["quantize", TinyLlama.path, folder.file("{type}.gguf"), "--type", "q8_0,q4_0", "--dry-run"]
    #expect(try Command.succeed(arguments).output.components(separatedBy: "Output of").count == 3)
    #expect(try Command.succeed(arguments + ["--json"]).json()["outputs"]?.array?.count == 2)
    #expect(try folder.names().isEmpty)
  }

  @Test("What is noted of one output is said of it, and what is noted of all once")
  func notes() throws {
    let folder = try TemporaryFolder()
    let said = try Command.succeed(
      "quantize", TinyLlama.path + "/../Families/Qwen2ForCausalLM-plain", folder.file("{type}.gguf"), "--type",
      "q8_0,q4_k_m")
    let notes = said.errors.split(separator: "\n").filter { $0.hasPrefix("note: ") }
    func ofOne(_ type: String) -> [Substring] {
      notes.filter { $0.hasPrefix("note: \(folder.file(type + ".gguf")): ") }
    }
    #expect(ofOne("q4_k_m").contains { $0.contains("blocks of 256") }, "\(notes)")
    #expect(ofOne("q8_0").allSatisfy { $0.contains("q8_0 blocks of 32") } && !ofOne("q8_0").isEmpty, "\(notes)")
    #expect(notes.filter { $0.hasPrefix("note: the model has no tokenizer beside it") }.count == 1, "\(notes)")
    #expect(notes.count == ofOne("q4_k_m").count + ofOne("q8_0").count + 2, "\(notes)")
  }

  @Test("A signal is answered once, and each output is gone on with by its name")
  func stopped() async {
    await #expect(processExitsWith: .exitCode(42)) {
      let folder = try TemporaryFolder()
      let types = ["q2_k", "q5_k_m", "q8_0"]
      let arguments = ["quantize", TinyLlama.path, folder.file("{type}.gguf"), "--type", types.joined(separator: ",")]
      let command = try QuantizeCommand.parse(arguments.dropFirst() + ["--threads", "1", "--quiet"])
      Interruption.watch()
      let signals = SystemFaults.interrupting(.write, number: 100)
      do {
        try await SystemFaults.$current.withValue(signals) { try await command.run() }
      } catch let error as FileError where error.code == .interrupted {
        guard error.remedies == [.goOn], error.others.isEmpty else { Foundation.exit(3) }
        let said = try Command.succeed(arguments).errors
        let isNamed = types.allSatisfy { said.contains("\($0).gguf: going on with an earlier run") }
        Foundation.exit(isNamed ? 42 : 5)
      }
      Foundation.exit(4)
    }
  }

  @Test("What cannot be made leaves nothing of the others")
  func refused() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write(Array("mine".utf8), to: "q4_0.gguf")
    let result = try Command.run("quantize", TinyLlama.path, folder.file("{type}.gguf"), "--type", "q8_0,q4_0")
    #expect(result.exitCode == 1 && result.errors.contains("q4_0.gguf"))
    #expect(try folder.names() == ["q4_0.gguf"])
  }

  @Test(
    "A command line that means nothing is refused",
    arguments: [
      ["m.gguf", "--type", "q8_0,q4_0"], ["{type}.gguf", "--type", "q8_0,Q8_0"], ["{type}.gguf", "--type", "q8_0,"],
      ["{type}.gguf", "--type", "q8_0,nonsense"], ["{type}.gguf", "--target-size", "2MB"],
      ["{type}.gguf", "--type", "q8_0,q4_0", "--calibrate"],
    ])
  func usage(_ words: [String]) throws {
    let folder = try TemporaryFolder()
    let result = try Command.run(["quantize", TinyLlama.path, folder.file(words[0])] + words.dropFirst())
    #expect(result.exitCode == 64, "\(result.errors)")
    #expect(try folder.names().isEmpty)
  }

  @Test("One type has its place in the name too")
  func one() throws {
    let folder = try TemporaryFolder()
    try Command.succeed("quantize", TinyLlama.path, folder.file("m-{type}.gguf"), "--type", "q8_0", "-q")
    #expect(try folder.names() == ["m-q8_0.gguf"])
  }
}
