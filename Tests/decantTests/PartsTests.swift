import Bytes
import Foundation
import JSON
import TestSupport
import Testing

@testable import decant

/// `--part`, `--parts` and `assemble`, as people and job schedulers use them.
@Suite struct PartsCommandTests {
  private static let quantize = ["quantize", TinyLlama.path]

  @Test(
    "Parts and their assembly are what --parts writes, and what it says of itself makes it again",
    arguments: [
      ("m.gguf", ["--type", "q4_k_m"]), ("m", ["--type", "nf4", "--double-quant"]),
      ("m", ["--layout", "gptq", "--type", "int4", "--group-size", "32"]),
    ])
  func bytes(_ output: String, _ options: [String]) throws {
    let folder = try TemporaryFolder()
    for name in ["one", "parts"] { try folder.makeFolder(name) }
    let (whole, parts) = (folder.file("one/" + output), folder.file("parts/" + output))
    try Command.succeed(Self.quantize + [whole, "--parts", "3", "-q"] + options)
    for number in [2, 3, 1] {
      let said = try Command.succeed(Self.quantize + [parts, "--part", "\(number)/3"] + options)
      #expect(said.errors.contains("wrote part \(number)/3") && said.errors.contains("decant assemble \(parts)"))
    }
    let assembled = try Command.succeed("assemble", parts, "--json").json()
    #expect(assembled["parts"] == 3 && assembled["files"]?.array?.isEmpty == false)
    #expect(try Self.contents(folder.file("parts")) == Self.contents(folder.file("one")))
    let first = output.hasSuffix(".gguf") ? folder.file("parts/m-00001-of-00003.gguf") : parts
    #expect(try Command.succeed("rebuild", first, "--from", TinyLlama.path, "--json").json()["same"] == true)
  }

  @Test(
    "So in every layout, scales that several weights share among them",
    arguments: [
      "modelopt nvfp4", "compressed-tensors nvfp4", "compressed-tensors int8", "compressed-tensors fp8", "fp8 fp8",
      "awq int4", "mlx nvfp4", "mlx int4", "bitsandbytes int8",
    ])
  func layouts(_ words: String) throws {
    let folder = try TemporaryFolder()
    for name in ["one", "parts"] { try folder.makeFolder(name) }
    let words = words.split(separator: " ").map(String.init)
    let options = ["--layout", words[0], "--type", words[1], "-q"]
    try Command.succeed(Self.quantize + [folder.file("one/m"), "--parts", "4"] + options)
    for number in 1...4 {
      try Command.succeed(Self.quantize + [folder.file("parts/m"), "--part", "\(number)/4"] + options)
    }
    try Command.succeed("assemble", folder.file("parts/m"))
    let isSame = try Self.contents(folder.file("parts")) == Self.contents(folder.file("one"))
    #expect(isSame)
  }

  private static func contents(_ folder: String) throws -> [String: [UInt8]] {
    let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    var contents: [String: [UInt8]] = [:]
    for name in names {
      contents[name] =
        (try? FileManager.default.contentsOfDirectory(atPath: folder + "/" + name)) == nil
        ? try FileBytes.read(folder + "/" + name) : []
    }
    return contents
  }

  @Test("Several types, a part of each at a time")
  func severalTypes() throws {
    let folder = try TemporaryFolder()
    for number in 1...2 {
      try Command.succeed(
        Self.quantize + [folder.file("{type}.gguf"), "--type", "q8_0,q4_0", "--part", "\(number)/2", "-q"])
    }
    #expect(try folder.names() == ["q4_0.gguf.parts", "q8_0.gguf.parts"])
    for type in ["q4_0", "q8_0"] { try Command.succeed("assemble", folder.file(type + ".gguf")) }
    #expect(
      try folder.names() == ["q4_0", "q8_0"].flatMap { ["\($0)-00001-of-00002.gguf", "\($0)-00002-of-00002.gguf"] })
  }

  @Test("A part that is there is no failure, and says so; a dry run tells of the part alone")
  func repeated() throws {
    let folder = try TemporaryFolder()
    let part = Self.quantize + [folder.file("m.gguf"), "--type", "q8_0", "--part", "1/2"]
    let dry = try Command.succeed(part + ["--dry-run", "--json"]).json()
    #expect(dry["files"]?.array?.count == 1 && dry["part"]?["count"] == 2)
    #expect(try folder.names().isEmpty)
    try Command.succeed(part)
    #expect(try Command.succeed(part).errors.contains("is there already, complete"))
    let early = try Command.run("assemble", folder.file("m.gguf"))
    #expect(early.exitCode == 1 && early.errors.contains("part 2 of 2 is not complete; run it first"))
  }

  @Test("A killed part is gone on with")
  func killed() async throws {
    let folder = try TemporaryFolder()
    for name in ["one", "parts"] { try folder.makeFolder(name) }
    try Command.succeed(Self.quantize + [folder.file("one/m.gguf"), "--type", "q2_k", "--parts", "2", "-q"])
    let job = Self.quantize + [folder.file("parts/m.gguf"), "--type", "q2_k", "--threads", "1", "--part"]
    for milliseconds in [20, 50, 80] {
      try await Killing.run(job + ["1/2"], after: .milliseconds(milliseconds), in: folder)
    }
    for number in 1...2 { try Command.succeed(job + ["\(number)/2"]) }
    try Command.succeed("assemble", folder.file("parts/m.gguf"))
    #expect(try Self.contents(folder.file("parts")) == Self.contents(folder.file("one")))
  }

  @Test(
    "Words that make no part, or no sense with one, are refused",
    arguments: [
      ["--part", "0/3"], ["--part", "4/3"], ["--part", "1"], ["--part", "a/b"], ["--part", "1/100000"],
      ["--part", "auto"],
      ["--part", "1/2", "--parts", "2"], ["--parts", "0"], ["--parts", "2", "--split-max-size", "1GB"],
      ["--part", "1/2", "--verify", TinyLlama.heldOutText], ["--part", "1/2", "--calibrate"],
    ])
  func usage(_ options: [String]) throws {
    let folder = try TemporaryFolder()
    let result = try Command.run(Self.quantize + [folder.file("m.gguf"), "--type", "q8_0"] + options)
    #expect(result.exitCode == 64, "\(result.errors)")
    #expect(try folder.names().isEmpty)
  }

  @Test("More files than tensors are refused")
  func tooMany() throws {
    let folder = try TemporaryFolder()
    let result = try Command.run(Self.quantize + [folder.file("m.gguf"), "--type", "q8_0", "--parts", "500"])
    #expect(result.exitCode == 1 && result.errors.contains("take fewer parts"))
  }

  // MARK: - auto

  private static let slurm = [
    "SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_STEP": "2",
    "SLURM_ARRAY_TASK_COUNT": "4",
  ]
  private static let kubernetes = ["JOB_COMPLETION_INDEX": "0", "DECANT_PARTS": "16"]

  @Test("auto takes the part from a job array or an indexed job")
  func automatic() throws {
    func part(_ variables: [String: String]) throws -> String {
      try PartOptions.fromEnvironment { variables[$0] }.description
    }
    #expect(try part(Self.slurm) == "3/4")
    #expect(try part(Self.kubernetes) == "1/16")
    // An allocation of Slurm wins: inside of a pod it does not exist.
    #expect(try part(Self.slurm.merging(Self.kubernetes) { one, _ in one }) == "3/4")
    let folder = try TemporaryFolder()
    let said = try Command.run(
      Self.quantize + [folder.file("m.gguf"), "--type", "q8_0", "--part", "auto"], environment: Self.slurm)
    #expect(said.exitCode == 0 && said.errors.contains("part 3/4"))
  }

  @Test(
    "auto says what is missing",
    arguments: [
      ([:], "neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX"),
      (["JOB_COMPLETION_INDEX": "0"], "DECANT_PARTS is not set"),
      (["JOB_COMPLETION_INDEX": "16", "DECANT_PARTS": "16"], "have to be of one job"),
      (["JOB_COMPLETION_INDEX": "x", "DECANT_PARTS": "16"], "not a number"),
      (["SLURM_ARRAY_TASK_ID": "3"], "SLURM_ARRAY_TASK_MIN is not set"),
      (["SLURM_ARRAY_TASK_ID": "6"].merging(slurm) { one, _ in one }, "has to be a range"),
      (["SLURM_ARRAY_TASK_ID": "11"].merging(slurm) { one, _ in one }, "has to be a range"),
      (
        ["SLURM_ARRAY_TASK_STEP": "0", "SLURM_ARRAY_TASK_COUNT": "0"].merging(slurm) { one, _ in one },
        "has to be a range"
      ),
    ] as [([String: String], String)])
  func automaticRefusals(_ variables: [String: String], _ words: String) throws {
    do {
      _ = try PartOptions.fromEnvironment { variables[$0] }
      Issue.record("taken")
    } catch {
      #expect("\(error)".contains(words), "\(error)")
    }
  }
}
