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

  @Test(
    "An output is put together by its name, by that of its parts or of one of its files; what is there stays",
    arguments: [
      ("m.gguf", "m.gguf"), ("m.gguf", "m.gguf.parts/"), ("m.gguf", "m-00001-of-00002.gguf"), ("m", "m.parts"),
    ])
  func names(_ output: String, _ name: String) throws {
    let folder = try TemporaryFolder()
    let typed = output.hasSuffix(".gguf") ? ["--type", "q8_0"] : ["--type", "nf4"]
    for number in 1...2 {
      try Command.succeed(Self.quantize + [folder.file(output), "--part", "\(number)/2", "-q"] + typed)
    }
    let said = try Command.succeed("assemble", folder.file(name))
    let first = output.hasSuffix(".gguf") ? "m-00001-of-00002.gguf" : "m"
    #expect(said.errors.contains("wrote \(folder.file(first)): ") && said.errors.contains(" files, of 2 parts"))
    let before = try Self.contents(folder.path)
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.file(output == "m" ? "m" : "")).sorted()
    #expect(before["m.parts"] == nil && before["m.gguf.parts"] == nil)
    #expect(try Command.succeed("assemble", folder.file(output)).errors.contains("\(first) is there already, complete"))
    let again = try Command.succeed("assemble", folder.file(output), "--json").json()
    #expect(again["parts"] == 0 && again["files"]?.array?.compactMap(\.string).sorted() == files)
    let part = try Command.run(Self.quantize + [folder.file(output), "--part", "1/2"] + typed)
    #expect(part.exitCode == 1 && part.errors.contains("is there already"))
    #expect(try Self.contents(folder.path) == before)
    try FileManager.default.removeItem(
      atPath: folder.file(output == "m" ? "m/model-00002-of-00002.safetensors" : "m-00002-of-00002.gguf"))
    #expect(try Command.run("assemble", folder.file(output)).exitCode == 1)
  }

  @Test("Several outputs are put together when all are ready, those of types that are there, and again with no harm")
  func severalOutputs() throws {
    let folder = try TemporaryFolder()
    let types = ["q4_0", "q8_0", "f16"]
    let part =
      Self.quantize + [folder.file("m-{type}.gguf"), "--type", types.joined(separator: ","), "--part", "1/1", "-q"]
    try Command.succeed(part)
    for name in ["m-.gguf.parts", "m-big.gguf.parts"] { try folder.makeFolder(name) }
    _ = try folder.write("{}".utf8, to: "m-big.gguf.parts/part-00001-of-00001.json")
    let file = "m-q4_0.gguf.parts/m-q4_0.gguf"
    let bytes = try folder.read(file)
    try FileManager.default.removeItem(atPath: folder.file(file))
    let before = try Self.contents(folder.path)
    let early = try Command.run("assemble", folder.file("m-{type}.gguf"), "--json")
    #expect(early.exitCode == 1 && early.errors.contains("m-q4_0.gguf: is not there, though its part is complete"))
    #expect(try early.output.isEmpty && Self.contents(folder.path) == before)
    _ = try folder.write(bytes, to: file)
    let all = try Command.succeed("assemble", folder.file("m-{type}.gguf"), "--json").json()
    #expect(all["outputs"]?.array?.map { $0["parts"] } == [1, 1, 1])
    #expect(
      try Set(folder.names()) == ["m-.gguf.parts", "m-big.gguf.parts", "m-f16.gguf", "m-q4_0.gguf", "m-q8_0.gguf"])
    let again = try Command.succeed("assemble", folder.file("m-{type}.gguf"), folder.file("m-f16.gguf.parts"), "--json")
    #expect(try again.json()["outputs"]?.array?.map { $0["parts"] } == [0, 0, 0])
    let none = try Command.run("assemble", folder.file("x-{type}.gguf"))
    #expect(none.exitCode == 1 && none.errors.contains("no parts of such an output of any type"))
  }

  @Test("A whole output is not left beside a set of its name, whatever may be replaced")
  func wholeBesideSet() throws {
    let folder = try TemporaryFolder()
    let job = Self.quantize + [folder.file("m.gguf"), "--type"]
    for number in 1...2 { try Command.succeed(job + ["q4_0", "--part", "\(number)/2", "-q"]) }
    try Command.succeed(job + ["q8_0", "-q"])
    let before = try Self.contents(folder.path)
    for command in [
      ["assemble", folder.file("m.gguf")], job + ["q4_0", "--parts", "2"], job + ["q4_0", "--part", "1/2"],
    ] {
      for force in [[], ["--force"]] {
        let refused = try Command.run(command + force)
        #expect(refused.exitCode == 1 && refused.errors.contains("two models of one name"), "\(refused.errors)")
        #expect(!refused.errors.contains("--force"))
      }
    }
    #expect(try Self.contents(folder.path) == before)
    try FileManager.default.removeItem(atPath: folder.file("m.gguf"))
    try Command.succeed("assemble", folder.file("m.gguf.parts/m-00001-of-00002.gguf"))
    #expect(try folder.names() == ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"])
  }

  @Test("A part of another job is told from this one; one that was damaged is made again with --force")
  func differences() throws {
    let folder = try TemporaryFolder()
    let job = Self.quantize + [folder.file("m.gguf")]
    try Command.succeed(job + ["--type", "q8_0", "--part", "1/2", "-q"])
    for (options, words) in [
      (["--type", "q8_0", "--part", "1/3"], "of another job: in 2 parts, not in 3"),
      (["--type", "q4_0", "--part", "1/2"], "is there already, of another job: of q8_0 and f32, not of q4_0 and q6_k"),
      (["--type", "q8_0", "--part", "2/2", "--name", "n"], "of another job: of another model, or with other options"),
    ] {
      let refused = try Command.run(job + options)
      #expect(refused.exitCode == 1 && refused.errors.contains(words), "\(refused.errors)")
    }
    try Command.succeed(job + ["--type", "q8_0", "--part", "2/2", "-q"])
    let path = folder.file("m.gguf.parts/m-00001-of-00002.gguf")
    let bytes = try FileBytes.read(path)
    for damaged in [Array(bytes.dropLast()), [0] + bytes.dropFirst()] {
      try Data(damaged).write(to: URL(filePath: path))
      let refused = try Command.run("assemble", folder.file("m.gguf"))
      #expect(refused.exitCode == 1 && refused.errors.contains("part 1/2"), "\(refused.errors)")
      #expect(refused.errors.contains("the command that made it does that with --force"), "\(refused.errors)")
    }
    let again = try Command.run(job + ["--type", "q8_0", "--part", "1/2"])
    #expect(again.exitCode == 1 && again.errors.contains("is not there as part 1/2 has written it"), "\(again.errors)")
    try Command.succeed(job + ["--type", "q8_0", "--part", "1/2", "--force", "-q"])
    try Command.succeed("assemble", folder.file("m.gguf"))
    #expect(try FileBytes.read(folder.file("m-00001-of-00002.gguf")).count == bytes.count)
  }

  @Test("Who makes the whole beside parts is told of them")
  func wholeBesideParts() throws {
    let folder = try TemporaryFolder()
    let job = Self.quantize + [folder.file("m.gguf"), "--type", "q8_0"]
    try Command.succeed(job + ["--part", "1/2", "-q"])
    #expect(try Command.succeed(job).errors.contains("m.gguf.parts holds parts of"))
    #expect(try folder.names() == ["m.gguf", "m.gguf.parts"])
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
