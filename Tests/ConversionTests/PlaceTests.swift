import Bytes
import Conversion
import Foundation
import GGUF
import JSON
import Quantization
import Tensors
import TestSupport
import Testing

/// Nothing in an output depends on where its inputs lie.
@Suite struct PlaceTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  struct Job: CustomTestStringConvertible {
    let output: String
    let type: String?
    var testDescription: String { "\(type ?? "convert") to \(output)" }
  }

  @Test(arguments: [
    Job(output: "o.gguf", type: nil), Job(output: "o.gguf", type: "q4_1"), Job(output: "o.gguf", type: "nf4"),
    Job(output: "o", type: nil), Job(output: "o", type: "nf4"), Job(output: "o.safetensors", type: "int8"),
  ])
  func theSameJobInAnotherFolderGivesTheSameBytes(_ job: Job) async throws {
    var results: [[String: [UInt8]]] = []
    for place in ["here", "there/deep down"] {
      let folder = bench.path(place)
      for name in ["model of \(place.count)", "out"] {
        try FileManager.default.createDirectory(atPath: folder + "/" + name, withIntermediateDirectories: true)
      }
      let source = place + "/model of \(place.count)/m"
      try bench.write(TinyCheckpoint { $0.layers = 1 }, as: source)
      var recipe = Recipe(try job.type.map { try .quantizing($0) } ?? .keep)
      if job.type == "q4_1" {
        recipe.importance = ImportanceMatrix(
          name: folder + "/im.gguf",
          entries: ["blk.0.attn_q.weight": .init(sums: Array(repeating: 2, count: 64), counts: [8])],
          datasets: ["/home/somebody/texts/text.txt"], chunkCount: 1, chunkSize: 512)
      }
      let output = try await bench.convert(bench.path(source), to: place + "/out/" + job.output, recipe)
      results.append(try Workbench.files(of: FileSystem.isFolder(output) ? output : FileSystem.parent(output)))
    }
    #expect(results[0] == results[1])
    for (name, bytes) in results[0] {
      #expect(bytes.firstRange(of: Array(bench.folder.path.utf8)) == nil, "\(name) holds a path")
      #expect(bytes.firstRange(of: Array("/home/somebody".utf8)) == nil, "\(name) holds a path")
    }
  }

  @Test func theSameMatrixIsWrittenForATextElsewhere() throws {
    let matrices = ["/one/text.txt", "text.txt", "..\\two\\text.txt"].map {
      ImportanceMatrix(
        entries: ["blk.0.attn_q.weight": .init(sums: [1, 2], counts: [3])], datasets: [$0], chunkCount: 1,
        chunkSize: 512)
    }
    var files: Set<[UInt8]> = []
    for (number, matrix) in matrices.enumerated() {
      try matrix.write(to: bench.path("\(number).gguf"), replacing: false)
      files.insert(try Workbench.bytes(bench.path("\(number).gguf")))
    }
    #expect(files.count == 1)
  }

  struct Name: CustomTestStringConvertible {
    let folder: String
    var inConfiguration: String?
    let expected: String?
    var testDescription: String { "\(folder), \(inConfiguration ?? "-")" }
  }

  @Test(arguments: [
    Name(folder: "Llama", expected: nil),
    Name(
      folder: "models--meta-llama--Llama-3.2-1B/snapshots/4e20de362430cd3b72f300e6b0f18e50e7166e08",
      expected: "Llama-3.2-1B"),
    Name(folder: "models--gpt2/snapshots/607a30d", expected: "gpt2"),
    Name(folder: "Llama", inConfiguration: "meta-llama/Llama-2-7b-hf", expected: "Llama-2-7b-hf"),
    Name(folder: "Llama", inConfiguration: "/home/somebody/models/llama", expected: nil),
    Name(folder: "Llama", inConfiguration: "./llama", expected: nil),
    Name(folder: "Llama", inConfiguration: "", expected: nil),
    Name(folder: "Llama", inConfiguration: "a/b/c", expected: nil),
  ])
  func aModelIsNamedForItsRepository(_ name: Name) async throws {
    try FileManager.default.createDirectory(atPath: bench.path(name.folder), withIntermediateDirectories: true)
    let model = name.folder + "/model"
    let source = TinyCheckpoint {
      $0.layers = 1
      $0.settings = name.inConfiguration.map { ["_name_or_path": .string($0)] } ?? [:]
    }
    try bench.write(source, as: model)
    let checkpoint = try Checkpoint(path: bench.path(model))
    let destination = Destination(path: bench.path("o.gguf"))
    let plan = try Plan(converting: checkpoint, to: destination, recipe: Recipe(.keep))
    #expect(plan.notes.contains { $0.remedy == .nameModel } == (name.expected == nil))
    try await plan.pour()
    #expect(try GGUFSource(path: bench.path("o.gguf")).metadata["general.name"]?.string == name.expected)
    #expect(try await Rebuild(of: bench.path("o.gguf"), from: bench.path(model)).run().differences.isEmpty)
    // From GGUF to GGUF the name stays, unless another is asked for.
    var recipe = Recipe(.keep)
    let copied = try await bench.convert(bench.path("o.gguf"), to: "copied.gguf", recipe)
    #expect(try GGUFSource(path: copied).metadata["general.name"]?.string == name.expected)
    recipe.modelName = "Mine"
    let renamed = try await bench.convert(bench.path("o.gguf"), to: "renamed.gguf", recipe)
    #expect(try GGUFSource(path: renamed).metadata["general.name"]?.string == "Mine")
    #expect(try await Rebuild(of: renamed, from: bench.path("o.gguf")).run().differences.isEmpty)
    // The name needs no folder of its own: the same model elsewhere is the same output.
    if name.inConfiguration == nil, name.expected != nil {
      try FileManager.default.copyItem(atPath: bench.path(model), toPath: bench.path("elsewhere"))
      #expect(try await Rebuild(of: bench.path("o.gguf"), from: bench.path("elsewhere")).run().differences.isEmpty)
    }
  }

  @Test func aFolderIsNotNamed() throws {
    try bench.write(TinyCheckpoint { $0.layers = 1 })
    var recipe = Recipe(.keep)
    recipe.modelName = "Mine"
    let error = #expect(throws: FileError.self) {
      try Plan(
        converting: Checkpoint(path: bench.path("model")), to: Destination(path: bench.path("o")), recipe: recipe)
    }
    #expect(error?.message.contains("naming the model is for GGUF outputs") == true)
  }
}
