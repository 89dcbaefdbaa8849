import Bytes
import Foundation
import Quantization
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// Checkpoints of PyTorch do everything that folders of safetensors do.
@Suite struct TorchCheckpointTests {
  private let bench: Workbench
  private let safetensors: String

  init() async throws {
    bench = try Workbench()
    // In the order of names, as its usual writers have it: outputs follow it.
    safetensors = try await bench.convert(try bench.write(TinyCheckpoint(), as: "unordered"), to: "model")
  }

  private func write(shards: Int = 1, as name: String = "pickled") throws -> String {
    try bench.write(
      TinyCheckpoint {
        $0.isPickled = true
        $0.shardCount = shards
      }, as: name)
  }

  @Test(arguments: [1, 2]) func convertsToTheSameBytes(_ shards: Int) async throws {
    let model = try write(shards: shards)
    let opened = try Checkpoint(path: model)
    #expect(opened.container == .torchPickle && opened.model != nil)
    for (output, recipe) in [
      ("o.gguf", Recipe(.keep)), ("folder", Recipe(.keep)), ("q.gguf", try Recipe(.quantizing("q8_0"))),
      ("nf4", try Recipe(.quantizing("nf4"))),
    ] {
      try await bench.convert(model, to: "of-pickle-" + output, recipe)
      try await bench.convert(safetensors, to: "of-safetensors-" + output, recipe)
      let (one, other) = (bench.path("of-pickle-" + output), bench.path("of-safetensors-" + output))
      let digests = try await (ModelDigests(ofModelAt: one), ModelDigests(ofModelAt: other))
      #expect(digests.0 == digests.1)
      guard output.hasSuffix(".gguf"), shards == 1 else { continue }
      #expect(try Workbench.bytes(one) == Workbench.bytes(other))
    }
  }

  @Test func isRebuiltAndNoticesAnotherSource() async throws {
    let model = try write()
    let output = try await bench.convert(model, to: "o.gguf")
    #expect(try await Rebuild(of: output, from: model).run().differences == [])
    // Digests are of tensors, so that the safetensors folder is the same source.
    #expect(try await Rebuild(of: output, from: safetensors).run().differences == [])
    try bench.write(
      TinyCheckpoint {
        $0.isPickled = true
        $0.seed = 2
      }, as: "another")
    #expect(try await !Rebuild(of: output, from: bench.path("another")).run().differences.isEmpty)
  }

  @Test func isPackedAndReadPacked() async throws {
    let model = try write()
    let file = model + "/pytorch_model.bin"
    let before = try await ModelDigests(ofModelAt: model)
    let sizes = try await Packing.pack(file, to: file + ".zst", level: 3, workers: 2, replacing: false)
    // Numbers come apart into planes, where they lie in storages.
    #expect(sizes.after < sizes.before * 9 / 10)
    try bench.folder.remove("pickled/pytorch_model.bin")
    #expect(try await ModelDigests(ofModelAt: model) == before)
    _ = try await Packing.unpack(file + ".zst", to: file, workers: 2, replacing: false)
    #expect(try await ModelDigests(ofModelAt: file) == before)
  }

  @Test func inputsAreProtected() throws {
    let model = try write(shards: 2)
    let paths = try Checkpoint(path: model).inputPaths.map(FileSystem.lastComponent)
    for name in ["pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json", "config.json", "pickled"] {
      #expect(paths.contains(name), "\(name)")
    }
    let destination = Destination(path: model, replacesExisting: true)
    #expect(throws: FileError.self) {
      try Plan(converting: try Checkpoint(path: model), to: destination, recipe: Recipe(.keep))
    }
  }

  @Test(arguments: ["o.bin", "o.pt", "O.PTH"]) func isNoOutput(_ name: String) throws {
    let error = try #require(throws: FileError.self) {
      try Plan(
        converting: try Checkpoint(path: safetensors), to: Destination(path: bench.path(name)), recipe: Recipe(.keep))
    }
    #expect(error.message.contains("is read, and not written"), "\(error)")
  }

  // MARK: - What is read

  @Test func safetensorsComeFirst() throws {
    let model = try write()
    let bytes = try Workbench.bytes(safetensors + "/model.safetensors")
    try bench.folder.write(bytes, to: "pickled/model.safetensors")
    let opened = try Checkpoint(path: model)
    #expect(opened.container == .safetensors)
    #expect(
      opened.notes.contains { $0.cause.hasSuffix("pytorch_model.bin: is not read, because safetensors is there too") })
  }

  @Test func filesOfTrainersAreNoWeights() throws {
    let model = try write()
    let weights = try Workbench.bytes(model + "/pytorch_model.bin")
    for name in ["training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "rng_state_0.pth", "scaler.pt"] {
      try bench.folder.write([1, 2, 3], to: "pickled/" + name)
    }
    #expect(try Checkpoint(path: model).model != nil)
    // One file of another name is taken where it is the only one.
    try bench.folder.remove("pickled/pytorch_model.bin")
    try bench.folder.write(weights, to: "pickled/model.pt")
    #expect(try Checkpoint(path: model).weightFiles.map(FileSystem.lastComponent) == ["model.pt"])
    try bench.folder.write(weights, to: "pickled/step-200.pth")
    let error = try #require(throws: FileError.self) { try Checkpoint(path: model) }
    #expect(error.message.contains("\"model.pt\", \"step-200.pth\"") && error.rule == "PT-45", "\(error)")
    for name in ["model.pt", "step-200.pth"] { try bench.folder.remove("pickled/" + name) }
    let none = try #require(throws: FileError.self) { try Checkpoint(path: model) }
    #expect(none.message.contains("holds no model") && none.message.contains("*.bin"), "\(none)")
  }

  @Test func contentsDecideAndNotTheEnding() throws {
    let bytes = try Workbench.bytes(try write() + "/pytorch_model.bin")
    let renamed = try bench.folder.write(bytes, to: "model/renamed.safetensors")
    #expect(try Checkpoint(path: renamed).container == .torchPickle)
    let weights = try Workbench.bytes(safetensors + "/model.safetensors")
    let other = try bench.folder.write(weights, to: "model/other.bin")
    #expect(try Checkpoint(path: other).container == .safetensors)
  }

  /// A header of 640 bytes begins with 0x80 0x02, as pickles do.
  @Test(arguments: [640, 896, 1152, 1408]) func aSafetensorsFileThatBeginsLikeAPickle(_ count: Int) throws {
    var bytes = try RawSafetensors.bytes(of: [RawTensor("a", shape: [2], values: [1, 2])])
    let header = bytes.dropFirst(8).prefix(Int(bytes[0]) + Int(bytes[1]) << 8)
    let padding = [UInt8](repeating: 0x20, count: count - header.count)
    bytes = (0..<8).map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) } + header + padding + bytes.suffix(8)
    let path = try bench.folder.write(bytes, to: "m.safetensors")
    #expect(try Checkpoint(path: path).container == .safetensors)
  }

  @Test func anIndexAndAShardCanBeNamed() throws {
    let model = try write(shards: 2)
    let whole = try Checkpoint(path: model + "/pytorch_model.bin.index.json")
    #expect(whole.container == .torchPickle)
    #expect(try whole.weights.count == Checkpoint(path: safetensors).weights.count)
    #expect(try Recognition.open(model + "/pytorch_model-00001-of-00002.bin").isPartOfFolder)
  }

  // MARK: - Adapters

  @Test func anAdapterIsMerged() throws {
    let model = try Checkpoint(path: safetensors)
    var adapter = TinyAdapter()
    try adapter.write(to: bench.path("new"))
    adapter.weightsName = "adapter_model.bin"
    try adapter.write(to: bench.path("old"))
    let name = "model.layers.0.mlp.up_proj.weight"
    let values = try ["new", "old"].map { folder in
      try model.adding(Adapter(path: bench.path(folder))).tensor(named: name)?.values()
    }
    let before = try model.tensor(named: name)?.values()
    #expect(values[0] == values[1] && values[0] != before)
    let summary = try AdapterSummary(path: bench.path("old"))
    #expect(summary.obstacle == nil && summary.byteCount > summary.parameterCount)
    // Of both, PEFT takes the safetensors.
    adapter.tensors[0].bytes[0] ^= 1
    adapter.weightsName = "adapter_model.safetensors"
    try adapter.write(to: bench.path("old"))
    #expect(try Adapter(path: bench.path("old")).inputPaths.contains(bench.path("old/adapter_model.safetensors")))
  }
}
