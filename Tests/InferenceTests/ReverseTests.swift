@_spi(Benchmarks) import Quantization
import Architectures
import Bytes
import Conversion
import Foundation
@_spi(Benchmarks) @testable import Inference
import JSON
import Safetensors
import Tensors
import TestSupport
import Testing

/// Reverse mode against finite differences of the formulas in Double, and against PyTorch for every family.
@Suite struct ReverseTests {
  /// A sign for each element: the top bit of a multiple of a large odd number.
  static func sign(_ element: Int) -> Float { (UInt64(element) &* 2_654_435_761) & 0x8000_0000 == 0 ? 1 : -1 }

  /// What a token of a window has to predict: any other one will do.
  static func labels(_ windows: [[Int32]]) -> [Int] {
    windows.flatMap { window in (0..<window.count).map { Int(window[($0 + 1) % window.count]) } }
  }

  // MARK: - Finite differences

  private static func loss(_ tiny: TinyModel, _ tensors: [String: ArraySource], _ windows: [[Int32]]) -> Double {
    let reference = ReferenceLlama(configuration: tiny.configuration, tensors: tensors)
    var sum = 0.0
    for window in windows {
      for (logits, label) in zip(reference.logits(window), labels([window])) {
        sum += log(logits.reduce(0) { $0 + exp($1) }) - logits[label]
      }
    }
    return sum
  }

  @Test(arguments: LoadedModelTests.variants) func agreesWithFiniteDifferences(_ variant: TinyModel) async throws {
    // Of so few bits that steps are added exactly.
    let tiny = variant.rounded(to: 0x1p-15)
    let windows = tiny.windows(1, of: 7)
    let labels = Self.labels(windows)
    let gradients = WeightGradients { layer in
      (0..<layer.outputs * layer.inputs).map { Double(Self.sign($0)) }
    }
    let loss = try await tiny.model().reverse(
      windows, label: { .token(labels[$0]) }, observer: gradients, workers: Workers(count: 2))
    #expect((loss - Self.loss(tiny, tiny.tensors, windows)).magnitude < 1e-5 * loss)

    let products = gradients.products
    #expect(products.count == 15)
    // Those of all layers are moved together.
    let kinds = Dictionary(grouping: products.keys.filter { $0 != "model.embed_tokens.weight" }) {
      $0.split(separator: ".").suffix(2).joined(separator: ".")
    }
    #expect(kinds.count >= 7)
    let size = products.values.map(\.magnitude).max() ?? 1
    for (kind, names) in kinds {
      func moved(by step: Float) throws -> Double {
        var tensors = tiny.tensors
        for name in names {
          let tensor = try #require(tensors[name])
          tensors[name] = ArraySource(
            shape: tensor.shape, array: tensor.array.enumerated().map { $1 + step * Self.sign($0) })
        }
        return Self.loss(tiny, tensors, windows)
      }
      func slope(_ step: Float) throws -> Double {
        let (ahead, behind) = (try moved(by: step), try moved(by: -step))
        return (ahead - behind) / Double(2 * step)
      }
      // Richardson's: what is left is of fourth order.
      let expected = try (4 * slope(0x1p-13) - slope(0x1p-12)) / 3
      let product = names.reduce(0) { $0 + (products[$1] ?? 0) }
      #expect(
        (product - expected).magnitude < 1e-4 * max(expected.magnitude, 0.05 * size),
        "\(kind): \(product), not \(expected)")
    }
  }

  // MARK: - PyTorch

  private struct Golden: Sendable {
    let loss: Double
    let products: [String: Double]
  }

  private static let goldens: [String: Golden] = {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Golden/gradients.json").path
    guard let data = FileManager.default.contents(atPath: path), let document = try? JSONValue(parsing: [UInt8](data)),
      let models = document.object
    else { return [:] }
    return models.compactMapValues { model in
      guard let loss = model["loss"]?.double, let products = model["products"]?.object else { return nil }
      return Golden(loss: loss, products: products.compactMapValues(\.double))
    }
  }()

  @Test func everyFamilyOfTransformersHasGradients() {
    // The others are none of transformers' classes.
    #expect(Set(FamilyTests.names).subtracting(Self.goldens.keys).count <= 3)
    #expect(Self.goldens.count >= 80)
  }

  @Test(arguments: FamilyTests.names.filter { goldens[$0] != nil })
  func agreesWithPyTorch(_ name: String) async throws {
    let golden = try #require(Self.goldens[name])
    let checkpoint = try Checkpoint(path: "\(FamilyTests.folder)/\(name)")
    let model = try LoadedModel(running: checkpoint)
    let window = try FamilyTests.expected(name).tokens
    let labels = Self.labels([window])
    // The signs of the stored tensor, wherever its rows have got to.
    let signs = try Self.signs(like: checkpoint)
    let gradients = WeightGradients { layer in
      let linear = try #require(model.linears.first { $0.key == layer.key }?.linear)
      return try DerivedTensor(linear.weight.derivation, inputs: signs).values().map(Double.init)
    }
    let loss = try await model.reverse(
      [window], label: { .token(labels[$0]) }, observer: gradients, workers: Workers(count: 2))
    #expect((loss - golden.loss).magnitude < 1e-4 * golden.loss)
    let size = golden.products.values.map(\.magnitude).max() ?? 1
    for (layer, product) in gradients.products where layer != model.head.name || model.hasOwnHead {
      let stored = checkpoint.tensors.first { $0.name == layer }?.derivation.sources.first?.name ?? layer
      let expected = try #require(golden.products[stored] ?? golden.products[layer], "\(layer)")
      #expect(
        (product - expected).magnitude < 1e-4 * max(expected.magnitude, 0.05 * size),
        "\(layer): \(product), not \(expected)")
    }
  }

  /// Tensors of signs in place of those of the Hugging Face form.
  private static func signs(like checkpoint: Checkpoint) throws -> TensorInputs {
    let folder = try TemporaryFolder()
    let tensors = try checkpoint.tensors.map { tensor in
      let shape = try DerivedTensor(tensor.derivation, inputs: checkpoint.inputs).shape
      let values = (0..<shape.reduce(1, *)).map(sign)
      return RawTensor(tensor.name, shape: shape, values: values)
    }
    let path = folder.file("signs.safetensors")
    try Data(RawSafetensors.bytes(of: tensors)).write(to: URL(fileURLWithPath: path))
    let file = try SafetensorsFile(path: path)
    return TensorInputs(model: path, tensors: file.tensors.map { PlainTensor($0, in: file) })
  }
}
