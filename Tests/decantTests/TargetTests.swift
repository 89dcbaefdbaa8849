import Bytes
import Conversion
import JSON
import Tensors
import TestSupport
import Testing

/// A type for each tensor: chosen for a size or a damage, saved, or taken from another model.
@Suite struct TargetTests {
  /// Name and type of each matrix of an output.
  private static func types(_ path: String) throws -> [String: String] {
    let weights = try Checkpoint(path: path).weights.filter { $0.shape.count > 1 }
    return Dictionary(weights.map { ($0.name, $0.typeName) }) { first, _ in first }
  }

  private static func taken(_ told: JSONValue) throws -> JSONValue {
    let target = try #require(told["target"])
    return try #require(target["candidates"]?.array?.first { $0["name"] == target["taken"] })
  }

  @Test func bitsForEachWeight() throws {
    let folder = try TemporaryFolder()
    let common = [
      "--calibration", try TinyCalibration.path(), "--target-bpw", "4.6", "--types", "q3_k,q4_k,q6_k",
      "--no-provenance",
    ]
    let told = try Command.json(
      ["quantize", TinyLlama.path, folder.file("a.gguf"), "--save-recipe", folder.file("r.json")] + common)
    #expect(
      try #require(told["target"]?["candidates"]?.array).allSatisfy {
        try #require($0["bits_per_weight"]?.double) <= 4.6
      })
    #expect(try Checkpoint(path: folder.file("a.gguf")).bitsPerWeight <= 4.6)
    let taken = try Self.taken(told)
    for other in try #require(told["target"]?["candidates"]?.array) {
      #expect(try #require(taken["measured_kl"]?.double) <= #require(other["measured_kl"]?.double))
    }
    // What was tried is gone, and the recipe is the output's.
    #expect(try folder.names() == ["a.gguf", "r.json"])
    let types = try Self.types(folder.file("a.gguf"))
    let saved = try TypeTable(path: folder.file("r.json"))
    #expect(saved.types.mapValues(\.text) == types)
    #expect(Set(types.values).isSubset(of: ["q3_k", "q4_k", "q6_k", "f32"]) && Set(types.values).count > 1)
    // The same again, by the recipe and by the output.
    let calibrated = ["--calibration", try TinyCalibration.path(), "--no-provenance", "--no-measure", "--quiet"]
    for (name, options) in [
      ("b.gguf", ["--recipe", folder.file("r.json")]), ("c.gguf", ["--like", folder.file("a.gguf")]),
    ] {
      let run = try Command.run(["quantize", TinyLlama.path, folder.file(name)] + options + calibrated)
      #expect(run.exitCode == 0, "\(run.errors)")
      #expect(try folder.read(name) == folder.read("a.gguf"))
    }
  }

  @Test func rebuildKnowsTheTypes() throws {
    let folder = try TemporaryFolder()
    _ = try Command.json(["quantize", TinyLlama.path, folder.file("a.gguf"), "--target-bpw", "5"])
    try Command.succeed("rebuild", folder.file("a.gguf"), "--from", TinyLlama.path)
  }

  @Test func sizeOfTheFile() throws {
    let folder = try TemporaryFolder()
    let told = try Command.json(
      [
        "quantize", TinyLlama.path, folder.file("a.gguf"), "--calibration", try TinyCalibration.path(), "--target-size",
        "1.4MB",
        "--types", "q2_k,q4_k,q8_0",
      ])
    #expect(try folder.read("a.gguf").count <= 1_400_000)
    #expect(try #require(Self.taken(told)["bytes"]?.int) == folder.read("a.gguf").count)
  }

  @Test func noMoreDamage() throws {
    let folder = try TemporaryFolder()
    var sizes: [Int] = []
    for limit in ["0.1", "0.01"] {
      let told = try Command.json(
        [
          "quantize", TinyLlama.path, folder.file("\(limit).gguf"), "--calibration", try TinyCalibration.path(),
          "--target-kl",
          limit, "--types", "q2_k,q3_k,q4_k,q6_k,q8_0",
        ])
      let taken = try Self.taken(told)
      #expect(try #require(taken["measured_kl"]?.double) <= #require(Double(limit)))
      // What was tried and is smaller loses more.
      for other in try #require(told["target"]?["candidates"]?.array) {
        guard try #require(other["bytes"]?.int) < #require(taken["bytes"]?.int) else { continue }
        #expect(try #require(other["measured_kl"]?.double) > #require(Double(limit)))
      }
      sizes.append(try #require(taken["bytes"]?.int))
    }
    #expect(sizes[0] < sizes[1])
  }

  /// Only types that are allowed are in an output, whatever a mix would have.
  @Test(arguments: ["q2_k,q4_0,q6_k,q8_0", " q4_0 , q8_0 "]) func typesAreThoseThatAreAllowed(_ types: String) throws {
    let folder = try TemporaryFolder()
    _ = try Command.json(["quantize", TinyLlama.path, folder.file("a.gguf"), "--target-bpw", "6", "--types", types])
    let allowed = Set(types.split { $0 == "," || $0 == " " }.map(String.init))
    #expect(Set(try Self.types(folder.file("a.gguf")).values).isSubset(of: allowed))
  }

  /// Rows that fit only one of the types get that one, and stay not what they are.
  @Test func whatHasNoChoiceIsQuantizedToo() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint { $0.inner = 256 }.write(to: folder.file("model"))
    _ = try Command.json(["quantize", model, folder.file("a.gguf"), "--target-bpw", "7", "--types", "q4_k,q5_0"])
    for (name, type) in try Self.types(folder.file("a.gguf")) {
      #expect(type == "q5_0" || (name.contains("ffn_down") && type == "q4_k"), "\(name) \(type)")
    }
  }

  /// The ends that are told can be asked for, and beyond the upper one nothing is looked for.
  @Test func theEndsThatAreToldCanBeHad() throws {
    let folder = try TemporaryFolder()
    let common = ["quantize", TinyLlama.path, folder.file("a.gguf"), "--types", "q4_0,q8_0", "--force"]
    let told = try Command.json(common + ["--target-bpw", "6", "--dry-run"])
    let (smallest, largest) = (try #require(told["smallest"]?.int), try #require(told["largest"]?.int))
    for (size, expected) in [("\(smallest)", smallest), ("\(largest)", largest), ("9000GB", largest)] {
      _ = try Command.json(common + ["--target-size", size])
      #expect(try folder.read("a.gguf").count == expected)
    }
    _ = try Command.json(common + ["--target-bpw", "1e20"])
    #expect(try folder.read("a.gguf").count == largest)
    try Command.expectFailure(
      common + ["--target-size", "\(smallest - 1)", "--quiet"], mentions: ["is no smaller than \(smallest) bytes"])
  }

  /// Errors of weights, and what is measured for each kind of tensor, are enough to choose by.
  @Test func withoutACalibration() throws {
    let folder = try TemporaryFolder()
    let told = try Command.json(
      ["quantize", TinyLlama.path, folder.file("a.gguf"), "--target-bpw", "4", "--types", "q2_k,q4_k,q6_k"])
    #expect(try Checkpoint(path: folder.file("a.gguf")).bitsPerWeight <= 4)
    #expect(try #require(Self.taken(told)["measured_kl"]?.double) > 0)
  }

  @Test(arguments: ["--types nf4,bf16", "--layout mlx --types int3,int4,int8"]) func folders(_ options: String) throws {
    let folder = try TemporaryFolder()
    let told = try Command.json(
      [
        "quantize", TinyLlama.path, folder.file("out"), "--target-bpw", "7.5", "--calibration",
        try TinyCalibration.path(),
      ]
        + options.split(separator: " ").map(String.init))
    #expect(try #require(Self.taken(told)["bits_per_weight"]?.double) <= 7.5)
    #expect(try Checkpoint(path: folder.file("out")).bitsPerWeight <= 7.5)
    #expect(try folder.names() == ["out"])
  }

  @Test func aDryRunSaysWhatIsPossible() throws {
    let folder = try TemporaryFolder()
    let told = try Command.json(["quantize", TinyLlama.path, folder.file("a.gguf"), "--target-bpw", "5", "--dry-run"])
    let (smallest, largest) = (try #require(told["smallest"]?.int), try #require(told["largest"]?.int))
    #expect(0 < smallest && smallest < largest)
    #expect(try folder.names().isEmpty)
  }

  @Test(arguments: [
    ("--target-size 1000", "is no smaller than", 1),
    ("--target-bpw 1", "bits a weight, with the types that are allowed", 1),
    ("--target-kl 1e-9", "loses more than", 1),
    ("--target-bpw 4 --type q4_k", "both say which types tensors get", 64), ("", "--target-size", 64),
    ("--target-bpw 4 --target-kl 1", "both say which types tensors get", 64),
    ("--types q4_k,q6_k --type q4_k", "--types changes nothing", 64),
    ("--target-bpw 4 --types q4_k", "at least two types", 64), ("--target-bpw 0", "greater than 0", 64),
    ("--target-kl inf", "greater than 0", 64), ("--target-bpw 4 --layout gptq", "Say with --types", 64),
    ("--target-bpw 4 --types q4_k,q4_j", "There is no type q4_j", 64),
    ("--target-kl 1 --no-measure", "nothing else tells what is lost", 64),
    ("--target-bpw 4 --to safetensors", "Say with --types", 64),
  ]) func refusals(_ options: String, _ text: String, _ code: Int32) throws {
    let folder = try TemporaryFolder()
    let run = try Command.run(
      ["quantize", TinyLlama.path, folder.file("a.gguf"), "--quiet"] + options.split(separator: " ").map(String.init))
    #expect(run.exitCode == code && run.errors.contains(text), "\(run.errors)")
    #expect(try folder.names().isEmpty)
  }

  @Test(arguments: [
    ("{}", "is no recipe"), ("[", "is no recipe"), (#"{"decant_recipe": 2, "types": {}}"#, "is no recipe"),
    (#"{"decant_recipe": 1, "types": {"blk.0.attn_q.weight": "q4_j"}}"#, "has a type that is not known"),
    (#"{"decant_recipe": 1, "types": {"blk.0.attn_q.weight": "iq1_s"}}"#, "has a type that is not known"),
    (#"{"decant_recipe": 1, "types": {"blk.99.attn_q.weight": "q4_k"}}"#, "has no such tensor"),
    (#"{"decant_recipe": 1, "types": {}}"#, "is no recipe"),
    (#"{"decant_recipe": 1, "types": {"blk.0.attn_norm.weight": "q4_k"}}"#, "is no matrix"),
    (#"{"decant_recipe": 1, "types": {"blk.0.attn_q.weight": 4}}"#, "has no type"),
    (#"{"decant_recipe": 1, "types": {"blk.0.attn_q.weight": "q4_k", "blk.0.attn_q.weight": "q8_0"}}"#, "two types"),
  ]) func damagedRecipes(_ recipe: String, _ text: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(Array(recipe.utf8), to: "r.json")
    let run = try Command.run(
      "quantize", TinyLlama.path, folder.file("a.gguf"), "--recipe", folder.file("r.json"), "--quiet")
    #expect(run.exitCode == 1 && run.errors.contains(text), "\(run.errors)")
    #expect(try folder.names() == ["r.json"])
  }

  /// Of tensors that are named like others the recipe may have missed some.
  @Test func whatARecipeMissesIsTold() throws {
    let folder = try TemporaryFolder()
    try folder.write(Array(#"{"decant_recipe": 1, "types": {"blk.0.attn_q.weight": "q4_k"}}"#.utf8), to: "r.json")
    let run = try Command.succeed("quantize", TinyLlama.path, folder.file("a.gguf"), "--recipe", folder.file("r.json"))
    #expect(
      run.errors.contains(
        "3 tensors of layers 1 to 3, such as blk.1.attn_q.weight: stays what it is: the recipe does not name it"))
    let types = try Self.types(folder.file("a.gguf"))
    #expect(types["blk.0.attn_q.weight"] == "q4_k" && types["blk.1.attn_q.weight"] != "q4_k")
  }
}
