import Architectures
import Bytes
import Conversion
import Foundation
import GGUF
import JSON
import Safetensors
import Tensors
import TestSupport
import Testing

/// What files an output consists of, and which outputs are refused.
@Suite struct OutputFilesTests {
  @Test(arguments: [1, 2, 3])
  func bytesDoNotDependOnTheNumberOfWorkers(_ workers: Int) async throws {
    let bench = try Workbench()
    // Long enough for several slabs in one tensor.
    let original = try bench.write(TinyCheckpoint { ($0.layers, $0.vocabulary, $0.isTied) = (1, 8200, true) })
    let embedding = try Recipe.Override(
      pattern: "embed_tokens", type: TargetType.quantizing("nf4", blockSize: 128, doubleQuantized: true))
    let recipes: [(String, Recipe)] = try [
      ("q.gguf", Recipe(.quantizing("q4_0"))),
      ("nf4", Recipe(.quantizing("nf4", doubleQuantized: true), overrides: [embedding])),
    ]
    for (name, recipe) in recipes {
      let alone = try await bench.convert(original, to: "alone-" + name, recipe, workers: 1)
      let several = try await bench.convert(original, to: "several-" + name, recipe, workers: workers)
      if name == "nf4" {
        #expect(try Workbench.files(of: alone) == Workbench.files(of: several))
      } else {
        #expect(try Workbench.bytes(alone) == Workbench.bytes(several))
      }
    }
  }

  @Test func shardsAreNoLongerThanAskedForAndIndexed() async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    let limit = 60_000
    let output = try await bench.convert(original, to: "out", maximumFileBytes: limit)
    let shards = try FileSystem.names(inFolder: output).filter { $0.hasSuffix(".safetensors") }
    #expect(shards.count > 2)
    let index = try JSONValue(parsing: Workbench.bytes(output + "/model.safetensors.index.json"))
    let places = try #require(index["weight_map"]?.object)
    var total = 0
    for shard in shards {
      let file = try GoldenFile(path: output + "/" + shard)
      let bytes = try file.keys.reduce(0) { try $0 + file.bytes($1).count }
      #expect(bytes <= limit)
      total += bytes
      for key in file.keys { #expect(places[key] == .string(shard)) }
    }
    #expect(index["metadata"]?["total_size"] == .integer(total))
    #expect(try Workbench.tensors(at: output).mapValues(\.bytes) == Workbench.tensors(at: original).mapValues(\.bytes))
    try Checkpoint(path: output).checkTensors()
  }

  /// The parts of a quantized weight may come to lie in different shards.
  @Test func shardsOfAQuantizedModelAreReadTogether() async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    let recipe = Recipe(try .quantizing("nf4", doubleQuantized: true))
    let whole = try await bench.convert(original, to: "whole", recipe)
    let shards = try await bench.convert(original, to: "shards", recipe, maximumFileBytes: 5000)
    let (one, other) = (try Checkpoint(path: whole), try Checkpoint(path: shards))
    #expect(other.weightFiles.count > 5)
    for tensor in one.tensors {
      #expect(
        try one.tensor(named: tensor.name)?.values() == other.tensor(named: tensor.name)?.values(), "\(tensor.name)")
    }
    let copied = try await bench.convert(shards, to: "copied")
    #expect(
      try Workbench.tensors(at: copied).mapValues(\.bytes) == Workbench.tensors(at: whole).mapValues(\.bytes))
  }

  @Test func aSplitSetOfGGUFs() async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    let whole = try await bench.convert(original, to: "m.gguf")
    let split = try await bench.convert(original, to: "s.gguf", maximumFileBytes: 60_000)
    let parts = try bench.folder.names().filter { $0.hasPrefix("s-") }
    #expect(parts.count > 2)
    #expect(parts.first == "s-00001-of-0000\(parts.count).gguf")
    #expect(try !FileSystem.exists(split))
    let first = bench.path(try #require(parts.first))
    #expect(
      try Workbench.ggufTensors(at: first).mapValues(\.bytes) == Workbench.ggufTensors(at: whole).mapValues(\.bytes))
    let back = try await bench.convert(first, to: "back")
    #expect(
      try Workbench.tensors(at: back).mapValues(\.bytes) == Workbench.tensors(at: original).mapValues(\.bytes))
  }

  @Test("Hugging Face's cache: a snapshot of links to files whose names are digests")
  func aFolderOfLinks() async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint { $0.shardCount = 3 })
    let (blobs, snapshot) = (bench.path("blobs"), bench.path("snapshots/0123abcd"))
    for folder in [blobs, snapshot] {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    for (number, name) in try FileSystem.names(inFolder: original).enumerated() {
      try FileManager.default.moveItem(atPath: original + "/" + name, toPath: blobs + "/\(number)")
      try SymbolicLink.make(at: snapshot + "/" + name, to: "../../blobs/\(number)")
    }
    let copied = try await bench.convert(snapshot, to: "copied")
    let expected = TinyCheckpoint { $0.shardCount = 3 }.tensors()
    let tensors = try Workbench.tensors(at: copied)
    #expect(tensors.count == expected.count)
    for tensor in expected { #expect(tensors[tensor.name]?.bytes == tensor.bytes, "\(tensor.name)") }
    // Shards are inputs where the links lead, too.
    let checkpoint = try Checkpoint(path: snapshot)
    let error = #expect(throws: FileError.self) {
      try Plan(
        converting: checkpoint, to: Destination(path: blobs, replacesExisting: true), recipe: Recipe(.keep))
    }
    #expect(error?.description.contains("or holds it") == true, "\(String(describing: error))")
  }

  @Test func oneSafetensorsFileIsNotDivided() throws {
    let bench = try Workbench()
    let checkpoint = try Checkpoint(path: try bench.write(TinyCheckpoint()))
    #expect(throws: FileError.self) {
      try Plan(
        converting: checkpoint, to: Destination(path: bench.path("m.safetensors"), maximumFileBytes: 1000),
        recipe: Recipe(.keep))
    }
  }

  @Test func oneSafetensorsFileHasNothingBesideIt() async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    let output = try await bench.convert(original, to: "m.safetensors")
    #expect(try bench.folder.names() == ["m.safetensors", "model"])
    #expect(try Workbench.tensors(at: output).mapValues(\.bytes) == Workbench.tensors(at: original).mapValues(\.bytes))
  }

  // MARK: - Refusals

  private func refusal(_ bench: Workbench, _ input: String, to output: String, replacing: Bool = false) -> FileError? {
    do throws(FileError) {
      _ = try Plan(
        converting: try Checkpoint(path: input), to: Destination(path: output, replacesExisting: replacing),
        recipe: Recipe(.keep))
      return nil
    } catch { return error }
  }

  @Test(arguments: [
    "model", "model/", "model/../model", "model/out", "model/m.gguf", "model/model.safetensors", ".", "model/..", "",
    "other/../model", "link", "link/out",
  ])
  func anOutputThatIsOrHoldsOrLiesInAnInput(_ output: String) throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    try bench.write(TinyCheckpoint(), as: "other")
    try SymbolicLink.make(at: bench.path("link"), to: original)
    let before = try Workbench.files(of: original)
    for replacing in [false, true] {
      let path = output.isEmpty ? "" : bench.path(output)
      let error = try #require(refusal(bench, original, to: path, replacing: replacing))
      #expect(error.path == path)
    }
    #expect(try Workbench.files(of: original) == before)
  }

  @Test func theFolderOfAnInputFile() throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    let error = refusal(bench, original + "/model.safetensors", to: original, replacing: true)
    #expect(error?.code == .exists)
    // A file beside the input is fine.
    #expect(refusal(bench, original + "/model.safetensors", to: original + "/m.gguf") == nil)
  }

  @Test func aSplitSetThatWouldReplaceItsInput() async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    try await bench.convert(original, to: "s.gguf", maximumFileBytes: 60_000)
    let parts = try bench.folder.names().filter { $0.hasPrefix("s-") }
    let first = bench.path(try #require(parts.first))
    let error = await #expect(throws: FileError.self) {
      try await bench.convert(first, to: "s.gguf", maximumFileBytes: 60_000, replacing: true)
    }
    #expect(error?.code == .exists)
    let last = refusal(bench, first, to: bench.path(try #require(parts.last)), replacing: true)
    #expect(last != nil, "a name of one of several files")
  }

  @Test(arguments: ["out.gguf", "out"])
  func whatIsThereAlreadyStays(_ output: String) async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    let path = try await bench.convert(original, to: output)
    let error = await #expect(throws: FileError.self) { try await bench.convert(original, to: output) }
    #expect(error?.code == .exists)
    #expect(error?.remedies == [.replaceExisting])
    let f32 = Recipe(.elements(try TargetType.quantizing("f32")))
    try await bench.convert(original, to: output, f32, replacing: true)
    #expect(try Checkpoint(path: path).weights.allSatisfy { $0.typeName == "f32" })
    #expect(try bench.folder.names() == ["model", output].sorted())
  }

  @Test func whatIsNeverReplacedIsNotSuggested() throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    try bench.folder.makeFolder("mine")
    try bench.folder.write("mine".utf8, to: "mine/letter.txt")
    let errors = [false, true].map { refusal(bench, original, to: bench.path("mine"), replacing: $0) }
    #expect(errors[0]?.message.contains("letter.txt") == true && errors[0] == errors[1], "\(errors)")
  }

  @Test func aFolderWithMoreThanAModelIsNeverReplaced() async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    try bench.write(TinyCheckpoint(), as: "home/project")
    try bench.folder.write("mine".utf8, to: "home/letter.txt")
    let error = await #expect(throws: FileError.self) {
      try await bench.convert(original, to: "home", replacing: true)
    }
    #expect(error?.code == .exists)
    #expect(try FileSystem.names(inFolder: bench.path("home")) == ["letter.txt", "project"])
    await #expect(throws: FileError.self) { try await bench.convert(original, to: "home.gguf/m.gguf") }
  }

  @Test func nothingIsLeftWhenASourceShrinksMeanwhile() async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    let checkpoint = try Checkpoint(path: original)
    let file = original + "/model.safetensors"
    try bench.folder.write(try Workbench.bytes(file).dropLast(5000), to: "model/model.safetensors")
    for output in ["out", "out.gguf"] {
      await #expect(throws: FileError.self) { try await bench.convert(checkpoint, to: output) }
      #expect(try bench.folder.names() == ["model"], "no output and no partial file")
    }
  }
}
