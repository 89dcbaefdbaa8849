import Bytes
import Digests
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// Folders that the libraries themselves have written (Tests/Fixtures/Layouts, with the scripts), and the values that these
/// decode them to.
@Suite struct LayoutFixtureTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures/Layouts")

  static let folders: [String] = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
    let found = names.filter {
      FileManager.default.fileExists(atPath: root.appendingPathComponent($0 + "/config.json").path)
    }
    precondition(found.count > 100, "there are no fixtures in \(root.path)")
    return found.sorted()
  }()

  static func path(_ folder: String) -> String { root.appendingPathComponent(folder).path }

  static let read = folders.filter { name in
    !name.contains("refused") && FileManager.default.fileExists(atPath: path(name) + "/expected.json")
  }

  private static func digest(_ values: [Float]) -> String {
    var stream = SHA256Digest.Stream()
    values.withBytes { stream.add($0) }
    return stream.finish().description
  }

  @Test(arguments: read) func isDecodedAsTheLibraryDoes(folder: String) throws {
    let checkpoint = try Checkpoint(path: Self.path(folder))
    let document = try JSONValue(
      parsing: [UInt8](Data(contentsOf: Self.root.appendingPathComponent(folder + "/expected.json"))))
    let expected = try #require(document["weights"]?.object)
    #expect(!expected.isEmpty)
    var seen = 0
    for (name, entry) in expected.sorted(by: { $0.key < $1.key }) {
      let weight = try #require(checkpoint.weights.first { $0.name == name }, "\(name) is not there")
      #expect(weight.shape == entry["shape"]?.array?.compactMap(\.int), "\(name)")
      let values = try weight.values()
      #expect(
        Self.digest(values) == entry["sha256"]?.string,
        "\(name): \(values.prefix(4)), not \(entry["first"]?.array?.compactMap(\.double) ?? [])")
      seen += weight.isQuantized ? 1 : 0
    }
    #expect(seen > 0)
  }

  @Test(arguments: read) func partsAreReadAsTheWhole(folder: String) throws {
    let checkpoint = try Checkpoint(path: Self.path(folder))
    var scratch: [UInt8] = []
    for weight in checkpoint.weights.filter(\.isQuantized).suffix(2) {
      let whole = try weight.values()
      for (first, count) in [
        (0, 1), (1, 1), (5, 40), (31, 2), (17, 270), (weight.columns * 9 + 3, 700), (whole.count - 3, 3),
      ]
      where first + count <= whole.count {
        var values = [Float](repeating: 0, count: count)
        var span = values.mutableSpan
        try weight.read(elements: first..<first + count, into: &span, scratch: &scratch)
        #expect(values == Array(whole[first..<first + count]), "\(weight.name) \(first)..<\(first + count)")
      }
    }
  }

  @Test(arguments: read) func isCopiedAsItIs(folder: String) async throws {
    let bench = try Workbench()
    let output = try await bench.convert(Self.path(folder), to: "copy")
    let (before, after) = (try Workbench.tensors(at: Self.path(folder)), try Workbench.tensors(at: output))
    #expect(Set(before.keys) == Set(after.keys))
    for (name, tensor) in before {
      #expect(after[name]?.bytes == tensor.bytes && after[name]?.shape == tensor.shape, "\(name)")
    }
    let keys = ["quantization_config", "quantization"]
    let configs = try [Self.path(folder), output].map { folder in
      try JSONValue(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: folder + "/config.json"))))
    }
    for key in keys where configs[0][key] != nil { #expect(configs[0][key] == configs[1][key]) }
    // The copy is read as what it is a copy of, with what else it needs beside.
    let weights = try [Self.path(folder), output].map { try Checkpoint(path: $0).weights.filter(\.isQuantized) }
    #expect(weights[0].map(\.name).sorted() == weights[1].map(\.name).sorted())
  }

  @Test(arguments: read) func aMissingPartIsMissed(folder: String) throws {
    let bench = try Workbench()
    let tensors = try Workbench.tensors(at: Self.path(folder))
    guard let weight = try Checkpoint(path: Self.path(folder)).weights.last(where: { $0.isQuantized }) else { return }
    let metadata = try Checkpoint(path: Self.path(folder)).fileMetadata
    for name in try FileSystem.names(inFolder: Self.path(folder)) where name.hasSuffix(".json") {
      try bench.folder.write(
        [UInt8](Data(contentsOf: Self.root.appendingPathComponent(folder + "/" + name))), to: name)
    }
    let path = bench.folder.path
    for name in weight.storedNames where !Self.mayBeMissing.contains(where: { name.hasSuffix($0) }) {
      let rest = tensors.values.filter { $0.name != name }.sorted { $0.name < $1.name }
      _ = try bench.folder.write(try RawSafetensors.bytes(of: rest, metadata: metadata), to: "model.safetensors")
      #expect(throws: FileError.self, "without \(name)") { try Checkpoint(path: path).checkTensors() }
    }
  }

  /// Parts that a weight may do without: what a list of groups or a zero point is by default, scales of activations, what
  /// changes no value.
  private static let mayBeMissing = [
    ".g_idx", "_g_idx", ".weight_format", ".input_scale", ".activation_scale", ".input_global_scale", ".global_scale",
    ".output_scale", ".view_as_float", ".unpack_view_dtype", ".compute_dtype", ".channel_wise", ".optimize",
    ".round_zero", ".offload_meta", ".encoded_state_dict", ".stores_quant_config",
  ]

  /// Weights of the kind that a configuration speaks of, where a folder has none of its own.
  private static let weightsOf = [
    "gptq": "gptq-4bit-group32", "awq": "awq-gemm-group32", "compressed": "compressed-tensors-int4-group32",
    "modelopt": "modelopt-nvfp4",
  ]

  @Test(arguments: folders.filter { $0.contains("refused") })
  func isRefusedByName(folder: String) throws {
    let bench = try Workbench()
    var path = Self.path(folder)
    if let kind = folder.split(separator: "-").first, let weights = Self.weightsOf[String(kind)] {
      let config = try [UInt8](Data(contentsOf: Self.root.appendingPathComponent(folder + "/config.json")))
      let model = try [UInt8](Data(contentsOf: Self.root.appendingPathComponent(weights + "/model.safetensors")))
      _ = try bench.folder.write(model, to: "model.safetensors")
      path = FileSystem.parent(try bench.folder.write(config, to: "config.json"))
    }
    let error = try #require(throws: FileError.self) { _ = try Checkpoint(path: path).container }
    #expect(error.code == .unsupported, "\(error)")
  }
}
