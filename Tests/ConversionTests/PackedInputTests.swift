import Architectures
import Bytes
import Conversion
import Packed
import Tensors
import TestSupport
import Testing

/// A packed model is read wherever a plain one is.
@Suite struct PackedInputTests {
  @Test(arguments: ["out", "out.gguf", "out.safetensors"])
  func converting(_ output: String) async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    try bench.write(TinyCheckpoint(), as: "packed")
    try await pack(bench)
    let plain = try await bench.convert(original, to: "a-" + output)
    let packed = try await bench.convert(bench.path("packed"), to: "b-" + output)
    if output == "out" {
      #expect(try Workbench.files(of: plain) == Workbench.files(of: packed))
    } else {
      let read = output.hasSuffix(".gguf") ? Workbench.ggufTensors : Workbench.tensors
      #expect(try read(plain).mapValues(\.bytes) == read(packed).mapValues(\.bytes))
    }
  }

  @Test func aFileThatChangesMeanwhileIsNotPacked() async throws {
    let bench = try Workbench()
    let path = try bench.folder.write([UInt8](repeating: 7, count: 1000), to: "m")
    let file = try InputFile(path: path)
    try file.requireUnchanged()
    // Somebody goes on writing it.
    try bench.folder.write([UInt8](repeating: 7, count: 1001), to: "m")
    let error = await #expect(throws: FileError.self) {
      try await PackedWriter.pack(file, regions: [], to: bench.path("m.zst"))
    }
    #expect(error?.description.contains("changed while it was read") == true)
    #expect(try bench.folder.names() == ["m"])
  }

  @Test func inspecting() async throws {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint(), as: "packed")
    let plain = try Inspection(path: bench.path("packed"))
    try await pack(bench)
    for path in ["packed", "packed/model.safetensors.zst"] {
      let packed = try Inspection(path: bench.path(path))
      #expect(packed.isPacked && !plain.isPacked)
      #expect(packed.byteCount < plain.byteCount)
      #expect(packed.source.tensors == plain.source.tensors)
      #expect(packed.checkpoint?.parameterCount == plain.checkpoint?.parameterCount)
      #expect(packed.obstacle == nil)
    }
  }

  @Test func aPackedGGUF() async throws {
    let bench = try Workbench()
    let gguf = try await bench.convert(try bench.write(TinyCheckpoint()), to: "m.gguf")
    _ = try await Packing.pack(gguf, to: gguf + ".zst", level: 1, workers: 2, replacing: false)
    let (plain, packed) = (try Checkpoint(path: gguf), try Checkpoint(path: gguf + ".zst"))
    for tensor in plain.tensors {
      #expect(try plain.tensor(named: tensor.name)?.values() == packed.tensor(named: tensor.name)?.values())
    }
    _ = try await Packing.unpack(gguf + ".zst", to: bench.path("again.gguf"), workers: 2, replacing: false)
    #expect(try Workbench.bytes(bench.path("again.gguf")) == Workbench.bytes(gguf))
  }

  @Test func aSplitSetOfWhichSomeArePacked() async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    try await bench.convert(original, to: "s.gguf", maximumFileBytes: 60_000)
    let parts = try bench.folder.names().filter { $0.hasPrefix("s-") }
    let expected = try Workbench.ggufTensors(at: bench.path(parts[0])).mapValues(\.bytes)
    for name in parts.prefix(2) {
      _ = try await Packing.pack(
        bench.path(name), to: bench.path(name) + ".zst", level: 1, workers: 1, replacing: false)
      try bench.folder.remove(name)
    }
    for name in [parts[0] + ".zst", parts[1] + ".zst", parts[2]] {
      #expect(try Workbench.ggufTensors(at: bench.path(name)).mapValues(\.bytes) == expected)
    }
  }

  @Test func refusals() async throws {
    let bench = try Workbench()
    let model = try bench.write(TinyCheckpoint())
    let file = model + "/model.safetensors"
    func refusal(_ input: String, _ output: String) async -> FileError? {
      do throws(FileError) {
        _ = try await Packing.pack(input, to: output, level: 1, workers: 1, replacing: true)
        return nil
      } catch { return error }
    }
    #expect(await refusal(model, bench.path("m.zst"))?.code == .unsupported)
    #expect(await refusal(file, file)?.code == .exists)
    #expect(await refusal(model + "/config.json", bench.path("m.zst")) != nil)
    #expect(await refusal(file, bench.path("m.zst")) == nil)
    #expect(await refusal(bench.path("m.zst"), bench.path("n.zst"))?.code == .unsupported)
    await #expect(throws: FileError.self) {
      try await Packing.unpack(file, to: bench.path("n"), workers: 1, replacing: true)
    }
    #expect(try bench.folder.names() == ["m.zst", "model"])
  }

  private func pack(_ bench: Workbench) async throws {
    let file = bench.path("packed/model.safetensors")
    _ = try await Packing.pack(file, to: file + ".zst", level: 1, workers: 2, replacing: false)
    try bench.folder.remove("packed/model.safetensors")
  }
}
