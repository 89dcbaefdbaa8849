// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that whoever depends on the libraries never resolves what measuring them needs.

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .treatAllWarnings(as: .error),
]

/// A library of the package that is measured.
func decant(_ library: String) -> Target.Dependency { .product(name: library, package: "Decant") }

/// Benchmarks of one kind, in `Benchmarks/<name>`. The module's name must differ from the libraries' names.
func benchmarks(of name: String, libraries: [String], others: [Target.Dependency] = []) -> Target {
  .executableTarget(
    name: name + "Benchmarks",
    dependencies: ["BenchmarkSupport", .product(name: "Benchmark", package: "benchmark")] + libraries.map(decant)
      + others,
    path: "Benchmarks/\(name)", swiftSettings: strict,
    plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
}

let package = Package(
  name: "DecantBenchmarks",
  platforms: [.macOS(.v26)],
  dependencies: [
    .package(name: "Decant", path: ".."),
    // Without traits: none of its replacements of malloc and of the Swift runtime.
    .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    .target(name: "SyntheticWeights", path: "Sources/SyntheticWeights", swiftSettings: strict),
    .target(
      name: "BenchmarkSupport",
      dependencies: ["SyntheticWeights", decant("Tensors"), .product(name: "Benchmark", package: "benchmark")],
      path: "Sources/BenchmarkSupport", swiftSettings: strict),
    benchmarks(of: "Codec", libraries: ["Tensors", "Quantization"]),
    benchmarks(of: "Container", libraries: ["Tensors", "Safetensors", "GGUF", "Packed"]),
    benchmarks(of: "Tokenizer", libraries: ["Tensors", "Tokenizers"]),
    .target(name: "CPeak", path: "Sources/CPeak"),
    benchmarks(of: "Inference", libraries: ["Quantization", "Inference", "Evaluation"], others: ["CPeak"]),
    .executableTarget(
      name: "GenerateModel",
      dependencies: [
        "SyntheticWeights", decant("Tensors"), decant("Safetensors"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Sources/GenerateModel", swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
