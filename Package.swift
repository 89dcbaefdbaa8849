// swift-tools-version: 6.2
import PackageDescription

// Every Swift target of ours is compiled under the same strict settings.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .treatAllWarnings(as: .error),
]

// Tests spend most of their time in the libraries, which are several times slower without optimization; flags of this
// kind are refused in a package that others depend on, so that only `make test` asks for them.
let optimized: [SwiftSetting] = Context.environment["DECANT_OPTIMIZED"] == nil ? [] : [.unsafeFlags(["-O"])]

/// A library room: the target with its folder, and what it may import.
func room(
  _ name: String, _ path: String, imports: [Target.Dependency] = [], exclude: [String] = [], resources: [Resource] = []
) -> Target {
  .target(
    name: name, dependencies: imports, path: path, exclude: exclude, resources: resources,
    swiftSettings: strict + [.strictMemorySafety()] + optimized)
}

/// Tests of one room; what several rooms' tests need comes from `TestSupport`.
func tests(of name: String, imports: [Target.Dependency] = [], exclude: [String] = []) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.byName(name: name), "TestSupport"] + imports,
    path: "Tests/\(name)Tests", exclude: exclude, swiftSettings: strict)
}

// The documentation plugin is resolved only where documentation is made (make docs).
let documentation: [Package.Dependency] =
  Context.environment["DECANT_DOCS"] == nil
  ? [] : [.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0")]

/// Targets of fuzzing, grouped by what they need; `make fuzz` builds the programs, `make test` replays their seeds.
func fuzzing(_ group: String, imports: [Target.Dependency]) -> [Target] {
  [
    .target(
      name: "Fuzz" + group, dependencies: ["FuzzSupport"] + imports, path: "Tests/Fuzz/\(group)",
      swiftSettings: strict)
  ]
    // libFuzzer has the entry point, so that the programs are whole only with its sanitizer.
    + (Context.environment["DECANT_FUZZ"] == nil
      ? []
      : [
        .executableTarget(
          name: "fuzz-" + group.lowercased(), dependencies: [.byName(name: "Fuzz" + group), "FuzzSupport"],
          path: "Tests/Fuzz/Programs/\(group)Program", swiftSettings: strict)
      ])
}

/// What is true about bytes on disk: a container each, a folder of `Formats`, and what it may import.
let formats: [(name: String, imports: [Target.Dependency])] = [
  ("Packed", ["Bytes", "Tensors", "CZstd"]),
  ("Safetensors", ["Bytes", "Tensors", "JSON", "Packed", "Shards"]),
  ("GGUF", ["Bytes", "Tensors", "Packed"]),
  ("TorchPickle", ["Bytes", "Tensors", "Packed", "Shards"]),
]
let everyFormat: [Target.Dependency] = formats.map { .byName(name: $0.name) }
let formatTargets: [Target] = formats.flatMap { format in
  [
    room(format.name, "Formats/\(format.name)", imports: format.imports, exclude: ["SPEC.md", "Fixtures"]),
    tests(
      of: format.name,
      imports: ["Bytes", "Tensors", "JSON"] + formats.filter { $0.name != format.name }.map { .byName(name: $0.name) }),
  ]
}

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser", condition: .when(traits: ["CommandLine"]))
let mustache = Target.Dependency.product(
  name: "Mustache", package: "swift-mustache", condition: .when(traits: ["CommandLine"]))
let real = Target.Dependency.product(name: "RealModule", package: "swift-numerics")

let package = Package(
  name: "Decant",
  // The first whose standard library has spans of arrays and raw bytes, and the rest that is used here.
  platforms: [.macOS(.v26)],
  products: formats.map { .library(name: $0.name, targets: [$0.name]) } + [
    .library(name: "Tensors", targets: ["Bytes", "Tensors"]),
    .library(name: "Digests", targets: ["Digests"]),
    .library(name: "Quantization", targets: ["Quantization"]),
    .library(name: "Tokenizers", targets: ["Tokenizers"]),
    .library(name: "Architectures", targets: ["Architectures"]),
    .library(name: "Conversion", targets: ["Conversion"]),
    .library(name: "Inference", targets: ["Inference"]),
    .library(name: "Evaluation", targets: ["Evaluation"]),
    .library(name: "Calibration", targets: ["Calibration"]),
    .library(name: "Allocation", targets: ["Allocation"]),
    .library(name: "Checking", targets: ["Checking"]),
    .library(name: "Estimation", targets: ["Estimation"]),
    .executable(name: "decant", targets: ["decant"]),
  ],
  // A client of the libraries does without it, and without an argument parser: traits: [].
  traits: [
    .trait(name: "CommandLine", description: "The program decant."),
    .default(enabledTraits: ["CommandLine"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
  ] + documentation,
  targets: formatTargets + [
    // What is done with tensors.
    room("Bytes", "Sources/Bytes", imports: ["CBytes"]),
    .target(name: "CBytes", path: "Sources/CBytes", cSettings: [.define("_GNU_SOURCE", .when(platforms: [.linux]))]),
    room("JSON", "Sources/JSON", imports: ["Bytes"]),
    room("Tensors", "Sources/Tensors", imports: ["Bytes"]),
    room("Shards", "Sources/Shards", imports: ["Bytes", "Tensors", "JSON", "Packed"]),
    .target(
      name: "CKernels", path: "Sources/CKernels", exclude: ["GGML/make_lattices.py"],
      cSettings: [.define("_GNU_SOURCE", .when(platforms: [.linux]))]),
    .systemLibrary(
      name: "CZstd", path: "Sources/CZstd", pkgConfig: "libzstd",
      providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
    .systemLibrary(
      name: "CXXHash", path: "Sources/CXXHash", pkgConfig: "libxxhash",
      providers: [.apt(["libxxhash-dev"]), .brew(["xxhash"])]),
    .systemLibrary(
      name: "CYAML", path: "Sources/CYAML", pkgConfig: "yaml-0.1",
      providers: [.apt(["libyaml-dev"]), .brew(["libyaml"])]),
    .systemLibrary(
      name: "CCrypto", path: "Sources/CCrypto", pkgConfig: "libcrypto",
      providers: [.apt(["libssl-dev"]), .brew(["openssl"])]),
    .systemLibrary(
      name: "CCurl", path: "Sources/CCurl", pkgConfig: "libcurl",
      providers: [.apt(["libcurl4-openssl-dev"]), .brew(["curl"])]),
    .systemLibrary(
      name: "CExpat", path: "Sources/CExpat", pkgConfig: "expat",
      providers: [.apt(["libexpat1-dev"]), .brew(["expat"])]),
    room("Remote", "Sources/Remote", imports: ["Bytes", "JSON", "Digests", "CCurl", "CExpat"]),
    room("Digests", "Sources/Digests", imports: ["CXXHash", "CCrypto"]),
    room("Quantization", "Sources/Quantization", imports: ["Bytes", "Tensors", "JSON", "CKernels"]),
    room(
      "Tokenizers", "Sources/Tokenizers",
      imports: ["Bytes", "JSON", .product(name: "SwiftProtobuf", package: "swift-protobuf")],
      exclude: ["SentencePiece/sentencepiece_model.proto"]),
    room("Architectures", "Sources/Architectures", imports: ["Bytes", "Tensors", "JSON", real]),
    room(
      "Conversion", "Sources/Conversion",
      imports: ["Bytes", "JSON", "Tensors", "Quantization", "Architectures", "Tokenizers", "Digests", "CYAML"]
        + everyFormat),
    room(
      "Inference", "Sources/Inference",
      imports: ["Bytes", "Tensors", "Architectures", "Quantization", "Conversion", "CKernels", real]),
    room(
      "Evaluation", "Sources/Evaluation",
      imports: ["Bytes", "Digests", "JSON", "Tensors", "Quantization", "Tokenizers", "Inference", "CKernels", real]),
    room(
      "Calibration", "Sources/Calibration",
      imports: ["Bytes", "Quantization", "Tokenizers", "Conversion", "Inference", "Evaluation", "CTexts"]),
    .target(
      name: "CTexts", path: "Sources/CTexts",
      exclude: ["make_texts.py", "articles.txt", "prose.txt", "documentation.txt", "code.txt"]),
    room(
      "Allocation", "Sources/Allocation",
      imports: ["Bytes", "Tensors", "Quantization", "Conversion", "Calibration", real]),
    room("Estimation", "Sources/Estimation", imports: ["Bytes", "Architectures", "Conversion"]),
    room(
      "Checking", "Sources/Checking",
      imports: [
        "Bytes", "JSON", "Tensors", "GGUF", "Quantization", "Architectures", "Tokenizers", "Conversion", "Evaluation",
      ]),
    // The template is compiled in: a program that is installed has no files beside it.
    room(
      "Pages", "Sources/Pages", imports: ["Bytes", "JSON", "Digests", "Evaluation", "Estimation", mustache],
      resources: [
        "page.mustache", "chart.mustache", "table.mustache", "figure.mustache", "passage.mustache", "page.css",
        "page.js",
      ]
      .map { .embedInCode("Templates/\($0)") }),
    .executableTarget(
      name: "decant",
      dependencies: [
        "Bytes", "JSON", "Tensors", "GGUF", "Packed", "Quantization", "Architectures",
        "Tokenizers", "Conversion", "Inference", "Evaluation", "Calibration", "Allocation", "Checking", "Digests",
        "Pages", "Estimation", "Remote", argumentParser,
      ],
      path: "Sources/decant", swiftSettings: strict + [.strictMemorySafety()] + optimized, plugins: ["BuiltFrom"]),
    .plugin(name: "BuiltFrom", capability: .buildTool(), path: "Plugins/BuiltFrom", exclude: ["commit.sh"]),

    // Tests, those of formats aside.
    .target(
      name: "TestSupport", dependencies: ["Bytes", "JSON", "Tensors"], path: "Tests/TestSupport",
      swiftSettings: strict + optimized),
    tests(of: "Bytes"),
    tests(of: "JSON"),
    tests(of: "Digests"),
    tests(of: "Remote", imports: ["Bytes"]),
    tests(
      of: "Quantization", imports: ["Bytes", "Tensors", "JSON", "Safetensors"],
      exclude: ["Golden"]),
    tests(of: "Tokenizers", imports: ["Bytes", "Tensors", "JSON", "GGUF"], exclude: ["Golden"]),
    tests(of: "Architectures", imports: ["Bytes", "Tensors", "JSON"]),
    tests(
      of: "Conversion",
      imports: [
        "Bytes", "JSON", "Tensors", "Safetensors", "GGUF", "Packed", "Quantization", "Architectures", "Tokenizers",
        "Digests", "Inference",
      ], exclude: ["Golden"]),
    tests(
      of: "Inference",
      imports: ["Bytes", "Tensors", "Architectures", "Quantization", "Conversion", "JSON", "GGUF", "Safetensors"],
      exclude: ["Golden"]),
    tests(
      of: "Evaluation",
      imports: ["Bytes", "Tensors", "Architectures", "Quantization", "Conversion", "Inference", "JSON", "Tokenizers"]),
    tests(
      of: "Pages",
      imports: ["Bytes", "Evaluation", "JSON", "Digests", "Estimation", "Conversion", "Quantization"]),
    tests(of: "Estimation", imports: ["Bytes", "Tensors", "Architectures", "Conversion", "Quantization", "JSON"]),
    tests(of: "Allocation", imports: ["Conversion", "Quantization"]),
    .testTarget(
      name: "ExampleTests",
      dependencies: [
        "TestSupport", "Bytes", "Tensors", "Digests", "Quantization", "Tokenizers", "Architectures", "Conversion",
        "Inference", "Evaluation", "Calibration", "Allocation", "Checking", "Estimation",
      ] + everyFormat,
      path: "Tests/ExampleTests", swiftSettings: strict),
    tests(
      of: "decant",
      imports: ["Bytes", "Conversion", "JSON", "Quantization", "Tensors", argumentParser]),

    // Fuzzing.
    .target(
      name: "FuzzSupport", dependencies: ["Bytes", "Tensors"], path: "Tests/Fuzz/Support", swiftSettings: strict),
    .testTarget(
      name: "FuzzTests", dependencies: ["FuzzSupport", "FuzzFormats", "FuzzModels", "FuzzMemory", "FuzzRemote"],
      path: "Tests/Fuzz/Replay", swiftSettings: strict),
  ] + fuzzing("Formats", imports: ["Bytes", "JSON", "Tensors", "Shards", "Safetensors", "GGUF", "TorchPickle"])
    + fuzzing(
      "Models",
      imports: [
        "Bytes", "JSON", "Tensors", "Safetensors", "GGUF", "Quantization", "Architectures", "Tokenizers", "Conversion",
      ])
    + fuzzing("Memory", imports: ["Bytes", "Packed", "Quantization"]) + fuzzing("Remote", imports: ["Remote"]),
  swiftLanguageModes: [.v6]
)
