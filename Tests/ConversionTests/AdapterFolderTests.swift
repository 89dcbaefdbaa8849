import Bytes
import Conversion
import Foundation
import TestSupport
import Testing

/// What people name in place of an adapter is told apart, and what to do is said.
@Suite struct AdapterFolderTests {
  private func write(_ files: [String: [UInt8]], in bench: Workbench) throws -> String {
    for (name, bytes) in files {
      let path = URL(fileURLWithPath: bench.path("adapter/" + name))
      try FileManager.default.createDirectory(
        at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(bytes).write(to: path)
    }
    return bench.path("adapter")
  }

  private static let peft = Array(#"{"peft_type": "LORA", "r": 2, "lora_alpha": 4}"#.utf8)
  private static let mlx = Array(#"{"fine_tune_type": "lora", "lora_parameters": {"rank": 8, "scale": 2}}"#.utf8)

  @Test(
    arguments: [
      (["adapters.safetensors": [], "adapter_config.json": mlx], "empty"),
      (["adapter_model.safetensors": [], "adapter_config.json": mlx], "MLX"),
      (["adapters.safetensors": []], "settings are missing"),
      (["adapters.npz": [], "adapter_config.json": mlx], "old MLX"),
      (["a.gguf": [], "b.gguf": []], "2 GGUF files"),
      (["adapter_model.bin": [], "adapter_config.json": peft], "empty"),
      (["adapter_model.bin": []], "settings are missing"),
      (["adapter_config.json": peft], "no weights"),
      (["adapter_model.safetensors": []], "settings are missing"),
      (["checkpoint-900/adapter_config.json": peft, "checkpoint-1000/adapter_config.json": peft], "checkpoint-1000"),
      (["config.json": [], "model.safetensors": []], "whole model"),
      (["notes.txt": []], "a folder with an adapter has one"),
    ] as [([String: [UInt8]], String)])
  func foldersAreToldApart(_ files: [String: [UInt8]], _ part: String) throws {
    let bench = try Workbench()
    let path = try write(files, in: bench)
    let error = #expect(throws: FileError.self) { try Adapter(path: path) }
    #expect(error?.message.contains(part) == true, "\(error?.description ?? "")")
  }

  @Test func aPartOfAnAdapterNamesItsFolder() throws {
    let path = TinyLlama.adapter("plain")
    for name in ["adapter_model.safetensors", "adapter_config.json"] {
      let error = #expect(throws: FileError.self) { try Adapter(path: path + "/" + name) }
      #expect(error?.message.contains(path) == true)
    }
  }

  @Test func aModelInGGUFIsNoAdapter() async throws {
    let bench = try Workbench()
    let gguf = try await bench.convert(TinyLlama.path, to: "m.gguf")
    let error = #expect(throws: FileError.self) { try Adapter(path: gguf) }
    #expect(error?.message.contains("whole model in GGUF") == true)
  }

  // MARK: - What an adapter is

  @Test func aSummaryTellsTheSettings() throws {
    let plain = try AdapterSummary(path: TinyLlama.adapter("plain"))
    #expect(plain.kind == "LORA" && plain.baseModel == "TinyLlama" && plain.obstacle == nil)
    #expect(plain.ranks == [4] && plain.alphas == [8] && plain.scales == [2] && !plain.usesDoRA)
    #expect(plain.modules.map(\.name) == ["q_proj", "v_proj"])
    #expect(plain.parameterCount > 0 && plain.byteCount > plain.parameterCount)
    let patterns = try AdapterSummary(path: TinyLlama.adapter("rslora-patterns"))
    #expect(patterns.ranks == [2, 3, 4, 6] && patterns.alphas == [2.5, 3, 6, 10] && patterns.usesRankStabilizedScale)
    #expect(try AdapterSummary(path: TinyLlama.adapter("dora")).usesDoRA)
    let full = try AdapterSummary(path: TinyLlama.adapter("full"))
    #expect(full.wholeParameters.contains("model.norm.weight"))
    #expect(try AdapterSummary.isAdapter(full.path))
    #expect(try !AdapterSummary.isAdapter(TinyLlama.path))
  }

  @Test func aSummaryOfWhatCannotBeMergedSaysWhy() throws {
    let bench = try Workbench()
    let path = try write(
      ["adapter_config.json": Array(#"{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "use_qalora": true}"#.utf8)],
      in: bench)
    let summary = try AdapterSummary(path: path)
    #expect(summary.ranks == [2] && summary.obstacle != nil)
  }
}
