import Architectures
import Bytes
import Conversion
import Foundation
import JSON
import Quantization
import Tensors
import TestSupport
import Testing

@testable import Estimation

@Suite struct EstimateTests {
  private static let families = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures/Families")

  static let folders: [String] = ((try? FileManager.default.contentsOfDirectory(atPath: families.path)) ?? []).filter {
    FileManager.default.fileExists(atPath: families.appendingPathComponent($0 + "/config.json").path)
  }.sorted()

  private func codec(_ name: String) throws -> TargetType {
    TargetType(codec: try #require(Catalog.codec(named: name)))
  }

  @Test("A configuration alone tells what the weights beside it become, to the byte", arguments: folders)
  func configurationAlone(_ name: String) throws {
    let folder = Self.families.appendingPathComponent(name).path
    let (real, configured) = (try Checkpoint(path: folder), try Checkpoint(configuration: folder + "/config.json"))
    try #require(real.model != nil)
    let recipes: [(Recipe, Container)] = [
      (Recipe(.elements(try codec("f32"))), .safetensors), (Recipe(.linearLayers(try codec("nf4"))), .safetensors),
      (Recipe(.everyMatrix(try codec("q8_0"))), .gguf),
    ]
    for (recipe, container) in recipes {
      let sizes = [real, configured].map { checkpoint in
        Result { () throws(FileError) in
          try WeightSize(of: checkpoint, as: "x", recipe: recipe, container: container, workers: 1).byteCount
        }
      }
      switch (sizes[0], sizes[1]) {
      case (.success(let one), .success(let other)):
        // Of a vision tower the configuration of the language model says nothing, and that is said.
        let isWhole = !configured.notes.contains { "\($0)".contains("is not counted") }
        #expect(isWhole ? one == other : one >= other, "\(container)")
      // What cannot be written cannot be estimated either.
      case (.failure, .failure): break
      default: Issue.record("\(container): \(sizes)")
      }
    }
  }

  private func llama2(_ hidden: Int, _ inner: Int, _ layers: Int, _ heads: Int, _ keys: Int) throws -> Checkpoint {
    let folder = try TemporaryFolder()
    let config: JSONValue = [
      "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "rms_norm_eps": 1e-5,
      "max_position_embeddings": 4096, "tie_word_embeddings": false, "torch_dtype": "float16", "vocab_size": 32000,
      "hidden_size": .integer(hidden), "intermediate_size": .integer(inner), "num_hidden_layers": .integer(layers),
      "num_attention_heads": .integer(heads), "num_key_value_heads": .integer(keys),
    ]
    return try Checkpoint(configuration: try folder.write(try config.serialized(), to: "config.json"))
  }

  /// The sizes that are told of Llama 2 everywhere, in GB: of meta-llama's F16 files, and of the repositories that hold them
  /// quantized.
  @Test(
    "Llama 2 has the sizes that it is known for",
    arguments: [
      ((4096, 11008, 32, 32, 32), 13.5, 3.9, 3.9, 128), ((5120, 13824, 40, 40, 40), 26.0, 7.2, 7.3, 128),
      ((8192, 28672, 80, 64, 8), 138.0, 36.4, 40.6, 32),
    ])
  func llama2(_ shape: (Int, Int, Int, Int, Int), _ half: Double, _ nested: Double, _ gptq: Double, _ group: Int) throws
  {
    let checkpoint = try llama2(shape.0, shape.1, shape.2, shape.3, shape.4)
    let blockwise = TargetType(codec: try #require(Catalog.codec(named: "nf4")), isDoubleQuantized: true)
    let grouped = try GroupRequest(layout: "gptq", extent: GroupExtent(text: "\(group)"), isSymmetric: nil).type(
      named: "int4")
    for (recipe, expected) in [
      (Recipe(.elements(try codec("f16"))), half), (Recipe(.linearLayers(blockwise)), nested),
      (Recipe(.linearLayers(grouped)), gptq),
    ] {
      let size = try WeightSize(of: checkpoint, as: "x", recipe: recipe, container: .safetensors, workers: 1)
      #expect(abs(Double(size.byteCount) / 1e9 - expected) < 0.051, "\(size.byteCount)")
    }
    let needs = try MemoryNeeds(of: try #require(checkpoint.model), path: "")
    // Two numbers of 2 bytes for each key head's element, in each layer.
    let width = shape.0 / shape.3 * shape.4
    #expect(needs.cache(context: 4096) == Double(4096 * 2 * 2 * width * shape.2))
    if shape.0 == 4096 {
      // As PEFT counts them for rank 16 beside all seven linear layers of Llama-2-7B.
      #expect(needs.adapterParameterCount(rank: 16) == 39_976_960)
    }
  }

  @Test("The longest context is the last that fits")
  func longestContext() throws {
    let needs = try MemoryNeeds(of: try #require(try llama2(4096, 11008, 32, 32, 32).model), path: "")
    let weights = 4_000_000_000
    let longest = try #require(needs.longestContext(memory: 5_000_000_000, weights: weights, tokens: 512))
    func total(_ context: Int) -> Double {
      Double(weights) + needs.cache(context: context) + needs.activations(tokens: min(context, 512))
    }
    #expect(total(longest) <= 5e9 && total(longest + 1) > 5e9)
    #expect(needs.longestContext(memory: 4_000_000_100, weights: weights, tokens: 512) == nil)
    #expect(needs.longestContext(memory: 400_000_000_000, weights: weights, tokens: 512) == 4096)
  }

  @Test("A sliding window bounds the cache of its layers")
  func windows() throws {
    let name = try #require(
      Self.folders.first {
        $0.lowercased().contains("gemma3") || $0.lowercased().contains("gemma-3") || $0.lowercased().contains("gemma2")
      })
    let checkpoint = try Checkpoint(configuration: Self.families.appendingPathComponent(name + "/config.json").path)
    let needs = try MemoryNeeds(of: try #require(checkpoint.model), path: "")
    #expect(needs.cache(context: 100_000) < 100 * needs.cache(context: 1000))
    #expect(needs.cache(context: 2, sequences: 3) == 3 * needs.cache(context: 2))
  }

  @Test("Weights that are not there are not read")
  func noWeights() throws {
    let checkpoint = try llama2(64, 128, 1, 2, 2)
    let destination = Destination(path: try TemporaryFolder().file("x.safetensors"), container: .safetensors)
    #expect(throws: FileError.self) {
      _ = try Plan.tensors(of: checkpoint, to: destination, recipe: Recipe(.keep))[0].rows.values()
    }
  }
}
