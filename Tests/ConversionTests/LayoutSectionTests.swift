import Bytes
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// What a folder says of its quantized weights, in config.json, in a file of the library's own or in the metadata of
/// safetensors, has to be what they are; and what is not known is refused by its name.
@Suite struct LayoutSectionTests {
  /// One thing that is changed in a fixture.
  struct Change: CustomTestStringConvertible, Sendable {
    let folder: String
    /// A JSON file, or `__metadata__`, whose values are texts of JSON.
    let file: String
    let key: [String]
    /// nil takes the key away.
    let value: JSONValue?
    let code: FileError.Code

    init(_ folder: String, _ file: String, _ key: [String], _ value: JSONValue?, _ code: FileError.Code) {
      (self.folder, self.file, self.key, self.value, self.code) = (folder, file, key, value, code)
    }

    var testDescription: String { "\(folder): \(key.joined(separator: "/")) in \(file)" }
  }

  private static let section = "quantization_config"
  private static let module = "model.layers.0.mlp.up_proj"
  private static let hqq = [section, "quant_config", "weight_quant_params"]
  private static let map = "quanto_qmap.json"
  private static let metadata = "__metadata__"
  private static let tensor = module + ".weight"

  static let changes: [Change] = [
    Change("hqq-4bit", "config.json", hqq + ["nbits"], 3, .mismatch),
    Change("hqq-4bit", "config.json", hqq + ["group_size"], 32, .mismatch),
    Change("hqq-4bit", "config.json", hqq + ["axis"], 0, .mismatch),
    Change("hqq-4bit", "config.json", hqq + ["rank"], 8, .unsupported),
    Change("hqq-4bit", "config.json", [section, "rotation"], true, .unsupported),
    Change("hqq-4bit", "config.json", [section, "skip_modules"], ["lm_head", "mlp.up_proj"], .mismatch),
    Change("hqq-4bit", "config.json", [section, "quant_method"], "gptq", .mismatch),
    Change("hqq-4bit-exceptions", "config.json", [section, "quant_config", "mlp.up_proj"], nil, .mismatch),
    Change("quanto-int4", map, [module], nil, .mismatch),
    Change("quanto-int4", map, [module, "weights"], "qint2", .mismatch),
    Change("quanto-int4", map, [module, "weights"], "qint8", .mismatch),
    Change("quanto-int4", map, [module, "weights"], "qint3", .unsupported),
    Change("quanto-int4", map, [module, "weights"], "none", .unsupported),
    Change("quanto-int4", map, [module, "rotation"], true, .unsupported),
    Change("quanto-int4", map, ["lm_head"], ["weights": "qint4", "activations": "none"], .missing),
    Change("quanto-int4", map, ["lm_head"], ["weights": "none", "activations": "qint8"], .unsupported),
    Change("quanto-int4", "config.json", ["architectures"], ["NoSuchClass"], .unsupported),
    Change("quanto-int8", map, [module, "weights"], "qfloat8_e4m3fn", .mismatch),
    Change("torchao-int8", metadata, [tensor], nil, .missing),
    Change("torchao-int8", metadata, [tensor, "_type"], "Tensor", .mismatch),
    Change("torchao-int8", metadata, [tensor, "_type"], "Int4TilePackedTo4dTensor", .unsupported),
    Change("torchao-int8", metadata, [tensor, "_type"], "Float8Tensor", .unsupported),
    Change("torchao-int8", metadata, [tensor, "_data", "block_size"], [1, 64], .mismatch),
    Change("torchao-int8", metadata, [tensor, "_data", "block_size"], [0, 128], .mismatch),
    Change("torchao-int8", metadata, [tensor, "_data", "rotation"], true, .unsupported),
    Change(
      "torchao-int8", metadata, [tensor, "_tensor_data_names"], ["qdata", "scale", "zero_point", "act_pre_scale"],
      .unsupported),
    Change("torchao-int8", metadata, [tensor, "_tensor_data_names"], ["qdata", "scale"], .mismatch),
    Change("torchao-int8", metadata, ["tensor_names"], ["lm_head.weight"], .mismatch),
    Change("torchao-int8", metadata, ["tensor_names"], nil, .missing),
    Change(
      "torchao-int8", "config.json", [section, "quant_type", "default", "_type"], "Float8WeightOnlyConfig", .mismatch),
    Change(
      "torchao-int8", "config.json", [section, "quant_type", "default", "_type"], "Int4WeightOnlyConfig", .unsupported),
    Change("torchao-int8", "config.json", [section, "modules_to_not_convert"], ["model.layers.*.mlp"], .mismatch),
    Change("torchao-int8", "config.json", [section, "modules_to_not_convert"], [.string(module)], .mismatch),
    Change("torchao-int8", "config.json", [section, "rotation"], true, .unsupported),
    Change("torchao-int8", "config.json", [section, "quant_method"], "fp8", .mismatch),
    Change("torchao-mxfp8", metadata, [tensor, "_data", "elem_dtype", "_data"], "float6_e3m2", .unsupported),
    Change("torchao-mxfp8", metadata, [tensor, "_data", "elem_dtype", "_data"], "float8_e5m2", .mismatch),
    Change("torchao-mxfp8", metadata, [tensor, "_data", "block_size"], 16, .mismatch),
    Change("torchao-nvfp4", metadata, [tensor, "_data", "is_swizzled_scales"], false, .mismatch),
  ]

  private static func changed(_ value: JSONValue?, _ key: ArraySlice<String>, _ new: JSONValue?) -> JSONValue? {
    guard let first = key.first else { return new }
    var members = value?.object ?? [:]
    members[first] = changed(members[first], key.dropFirst(), new)
    return .object(members)
  }

  /// Writes a fixture with its JSON files, metadata and tensors as they are, or changed.
  private func write(
    _ folder: String, into bench: Workbench, _ change: Change? = nil,
    tensors edit: ([RawTensor]) -> [RawTensor] = { $0 }
  ) throws -> String {
    let path = LayoutFixtureTests.path(folder)
    try bench.folder.makeFolder("model")
    for name in try FileSystem.names(inFolder: path) where name.hasSuffix(".json") {
      var document = try JSONValue(parsing: Workbench.bytes(FileSystem.join(path, name)))
      if let change, change.file == name {
        document = try #require(Self.changed(document, change.key[...], change.value))
      }
      try bench.folder.write(document.serialized(), to: "model/" + name)
    }
    var metadata = try Checkpoint(path: path).fileMetadata
    if let change, change.file == Self.metadata, let key = change.key.first {
      let value = try metadata[key].map { try JSONValue(parsing: Array($0.utf8)) }
      let new = Self.changed(value, change.key.dropFirst(), change.value)
      metadata[key] = try new.map { String(decoding: try $0.serialized(pretty: false), as: UTF8.self) }
    }
    let tensors = try Workbench.tensors(at: path).values.sorted { $0.name < $1.name }
    try bench.folder.write(RawSafetensors.bytes(of: edit(tensors), metadata: metadata), to: "model/model.safetensors")
    return bench.path("model")
  }

  @Test(arguments: changes) func whatIsSaidHasToBeWhatIsThere(change: Change) throws {
    let bench = try Workbench()
    let path = try write(change.folder, into: bench, change)
    let error = try #require(throws: FileError.self) { _ = try Checkpoint(path: path).container }
    #expect(error.code == change.code, "\(error)")
  }

  @Test(arguments: Set(changes.map(\.folder)).sorted()) func unchangedItIsRead(folder: String) throws {
    let bench = try Workbench()
    #expect(try Checkpoint(path: try write(folder, into: bench)).weights.contains { $0.isQuantized })
  }

  @Test func ofQuantoNothingIsReadWithoutItsMap() throws {
    let bench = try Workbench()
    let path = try write("quanto-int8", into: bench)
    try FileManager.default.removeItem(atPath: FileSystem.join(path, Self.map))
    let error = try #require(throws: FileError.self) { _ = try Checkpoint(path: path).container }
    #expect(error.code == .missing && error.message.contains(Self.map), "\(error)")
  }

  /// Small tensors of a layer of HQQ, and what they say then.
  private static let layerSettings: [(ending: String, bytes: [UInt8], code: FileError.Code)] = [
    (".quant_zero", [1], .unsupported), (".quant_scale", [1], .unsupported),
    (".packing", Array("9bit_u8".utf8), .unsupported), (".packing", Array("2bit_u8".utf8), .mismatch),
    (".unpack_view_dtype", Array("torch.int32".utf8), .unsupported), (".nbits", [2, 0, 0, 0], .mismatch),
    (".group_size", [0, 0, 0, 0], .malformed), (".group_size", [255, 255, 255, 255], .malformed),
    (".axis", [2, 0, 0, 0], .malformed), (".axis", [0, 0, 0, 0], .mismatch), (".view_as_float", [1], .mismatch),
    (".shape", [UInt8](repeating: 255, count: 16), .malformed),
    (".shape", ([UInt8](repeating: 0, count: 7) + [64]) + ([UInt8](repeating: 0, count: 7) + [64]), .malformed),
  ]

  @Test(arguments: layerSettings.indices) func aLayerOfHQQIsWhatItSays(index: Int) throws {
    let (ending, bytes, code) = Self.layerSettings[index]
    let bench = try Workbench()
    let path = try write("hqq-own-bfloat16", into: bench) { tensors in
      tensors.map { tensor in
        guard tensor.name == Self.module + ending else { return tensor }
        let shape = tensor.shape.map { $0 * bytes.count / tensor.bytes.count }
        return RawTensor(tensor.name, type: tensor.type, shape: shape, bytes: bytes)
      }
    }
    let error = try #require(throws: FileError.self) { _ = try Checkpoint(path: path).container }
    #expect(error.code == code, "\(error)")
  }

  @Test func aLayerOfHQQThatIsPlainThoughItShouldNotBeIsMissed() throws {
    let bench = try Workbench()
    let path = try write("hqq-4bit", into: bench) {
      $0 + [
        RawTensor(
          "model.layers.1.mlp.up_proj.weight", type: "BF16", shape: [256, 128],
          bytes: [UInt8](repeating: 0, count: 1 << 16))
      ]
    }
    let error = try #require(throws: FileError.self) { _ = try Checkpoint(path: path).container }
    #expect(error.code == .mismatch && error.subject == "model.layers.1.mlp.up_proj.weight", "\(error)")
  }

  @Test func scalesOfTorchAOThatLieInRowsAreThoseOfTiles() throws {
    let folder = "torchao-nvfp4"
    let bench = try Workbench()
    let change = Change(
      folder, Self.metadata, [Self.tensor, "_data", "is_swizzled_scales"], false, .mismatch)
    let (rows, groups) = (256, 128 / 16)
    let path = try write(folder, into: bench, change) { tensors in
      tensors.map { tensor in
        guard tensor.name == Self.module + "._weight_scale" else { return tensor }
        let bytes = (0..<rows * groups).map { place in
          let (row, group) = place.quotientAndRemainder(dividingBy: groups)
          let tile = row / 128 * (groups / 4) + group / 4
          return tensor.bytes[tile * 512 + row % 32 * 16 + row % 128 / 32 * 4 + group % 4]
        }
        return RawTensor(tensor.name, type: tensor.type, shape: [rows, groups], bytes: bytes)
      }
    }
    func values(_ path: String) throws -> [Float]? {
      try Checkpoint(path: path).weights.first { $0.name == Self.tensor }?.values()
    }
    #expect(try values(path) == values(LayoutFixtureTests.path(folder)))
  }

  /// As AutoGPTQ and AutoAWQ wrote them before transformers had a key for it.
  @Test(
    arguments: [
      ("gptq-4bit-group32", "quantize_config.json", ["bits": 4, "group_size": 32, "desc_act": false, "sym": true]),
      (
        "awq-gemm-group32", "quant_config.json",
        ["w_bit": 4, "q_group_size": 32, "zero_point": true, "version": "GEMM"]
      ),
    ] as [(String, String, JSONValue)])
  func theSectionInAFileOfItsOwn(_ folder: String, _ name: String, _ own: JSONValue) throws {
    let bench = try Workbench()
    let path = try write(folder, into: bench, Change(folder, "config.json", [Self.section], nil, .missing))
    for other in ["quantize_config.json", "quant_config.json"] where try FileSystem.hasFile("\(path)/\(other)") {
      try FileManager.default.removeItem(atPath: "\(path)/\(other)")
    }
    #expect(throws: FileError.self) { try Checkpoint(path: path) }
    try bench.folder.write(try own.serialized(), to: "model/" + name)
    func values(_ path: String) throws -> [String: [Float]] {
      Dictionary(uniqueKeysWithValues: try Checkpoint(path: path).weights.map { ($0.name, try $0.values()) })
    }
    #expect(try values(path) == values(LayoutFixtureTests.path(folder)))
    // Of weights that are no longer quantized it says nothing.
    try bench.folder.write(try own.serialized(), to: "model/" + name)
    let plain = try TinyCheckpoint().write(to: bench.path("plain"))
    try bench.folder.write(try own.serialized(), to: "plain/" + name)
    #expect(try Checkpoint(path: plain).layoutNames.isEmpty)
  }

  // MARK: - What does not hold any more

  @Test(arguments: ["quanto-int4", "torchao-int8", "hqq-4bit"]) func whatIsDecodedIsNotSaidToBeQuantized(
    folder: String
  ) async throws {
    let bench = try Workbench()
    let model = try write(folder, into: bench)
    for name in ["quantize_config.json", "hf_quant_config.json"] {
      try bench.folder.write("{}".utf8, to: "model/" + name)
    }
    let copy = try await bench.convert(model, to: "copy")
    let plain = try await bench.convert(model, to: "plain", Recipe(.quantizing("bf16")))
    #expect(try FileSystem.isFile(FileSystem.join(copy, "quantize_config.json")))
    let names = try FileSystem.names(inFolder: plain)
    #expect(!names.contains { $0.contains("qmap") || $0.contains("quant") }, "\(names)")
    let checkpoint = try Checkpoint(path: plain)
    #expect(checkpoint.weights.allSatisfy { !$0.isQuantized })
    #expect(checkpoint.fileMetadata["tensor_names"] == nil && checkpoint.fileMetadata[Self.tensor] == nil)
    #expect(try Checkpoint(path: copy).fileMetadata[Self.tensor] == Checkpoint(path: model).fileMetadata[Self.tensor])
  }

  @Test(
    "What stays quantized is read again beside what does not",
    arguments: [("torchao-int8", "modules_to_not_convert", module), ("hqq-4bit", "skip_modules", "mlp.up_proj")])
  func someStay(_ folder: String, _ key: String, _ entry: String) async throws {
    let bench = try Workbench()
    let plain = try Recipe.Override(pattern: "up_proj", type: TargetType.quantizing("bf16"))
    let before = try Checkpoint(path: LayoutFixtureTests.path(folder)).weights.filter(\.isQuantized)
    let output = try await bench.convert(
      LayoutFixtureTests.path(folder), to: "o", Recipe(.keep, overrides: [plain]))
    let checkpoint = try Checkpoint(path: output)
    let quantized = checkpoint.weights.filter(\.isQuantized)
    #expect(quantized.map(\.name).sorted() == before.map(\.name).filter { $0 != Self.tensor }.sorted())
    #expect(checkpoint.config?[Self.section]?[key]?.array?.contains(.string(entry)) == true)
    if folder.hasPrefix("torchao") { #expect(checkpoint.fileMetadata[Self.tensor] == #"{"_type": "Tensor"}"#) }
  }

  @Test func quantoStaysOrGoesAsAWhole() async throws {
    let bench = try Workbench()
    let plain = try Recipe.Override(pattern: "up_proj", type: TargetType.quantizing("bf16"))
    await #expect(throws: FileError.self) {
      try await bench.convert(LayoutFixtureTests.path("quanto-int4"), to: "o", Recipe(.keep, overrides: [plain]))
    }
  }

  // MARK: - What is not read

  static let methods = UnreadScheme.all.flatMap { scheme in scheme.methods.map { (scheme.name, $0) } }

  @Test(arguments: methods, ["quant_method", "checkpoint_format"]) func aWayThatIsNotReadIsRefusedByName(
    scheme: (name: String, method: String), key: String
  ) throws {
    let method = scheme.method
    let scheme = try #require(UnreadScheme.all.first { $0.name == scheme.name })
    let bench = try Workbench()
    // As GPTQModel writes packings of its own, under the method that made the codes.
    let section: JSONValue =
      key == "quant_method"
      ? ["quant_method": .string(method)] : ["quant_method": "gptq", "checkpoint_format": .string(method)]
    let change = Change("hqq-4bit", "config.json", [Self.section], section, .unsupported)
    let path = try write(change.folder, into: bench, change)
    let error = try #require(throws: FileError.self) { _ = try Checkpoint(path: path).container }
    #expect(error.code == .unsupported && error.message.contains(scheme.name), "\(error)")
    #expect(error.message.contains(scheme.library), "\(error)")
    #expect(!WeightLayouts.all.contains { $0.methods.contains(method) })
  }

  static let endings = UnreadScheme.all.flatMap { scheme in scheme.endings.map { (scheme.name, $0) } }

  @Test(arguments: endings) func itsPartsShowItWithoutAnySection(name: String, ending: String) throws {
    let scheme = try #require(UnreadScheme.all.first { $0.name == name })
    let bench = try Workbench()
    let part = RawTensor(Self.module + ending, type: "I16", shape: [2], bytes: [0, 0, 0, 0])
    let path = try bench.folder.write(RawSafetensors.bytes(of: [part]), to: "model.safetensors")
    let error = try #require(throws: FileError.self) { _ = try Checkpoint(path: path).container }
    #expect(error.code == .unsupported && error.subject == part.name, "\(error)")
    #expect(error.message.contains(scheme.name) && error.message.contains(scheme.library), "\(error)")
  }

  // MARK: - Settings that are not known

  private static func strangers(in folder: String) throws -> [String] {
    try Checkpoint(path: folder).notes.map(\.cause).filter { $0.contains("quantization_config has settings") }
  }

  /// What the libraries themselves write is known.
  @Test(arguments: LayoutFixtureTests.read) func librariesAreKnown(folder: String) throws {
    #expect(try Self.strangers(in: LayoutFixtureTests.path(folder)).isEmpty)
  }

  @Test(arguments: [
    "awq-gemm-group32", "bitsandbytes-nf4", "bitsandbytes-int8", "compressed-tensors-int4-group32", "fp8-block",
    "gptq-4bit-group32", "mlx-affine-4bit", "modelopt-nvfp4", "mxfp4-gpt-oss",
  ]) func aStrangerIsTold(folder: String) throws {
    let bench = try Workbench()
    let path = bench.path("copy")
    try FileManager.default.copyItem(atPath: LayoutFixtureTests.path(folder), toPath: path)
    let file = URL(fileURLWithPath: path + "/config.json")
    var config = try #require(try JSONValue(parsing: [UInt8](Data(contentsOf: file))).object)
    for key in ["quantization_config", "quantization"] {
      guard var section = config[key]?.object else { continue }
      section["foo"] = 3
      section["nothing"] = JSONValue.null
      config[key] = .object(section)
    }
    try Data(JSONValue.object(config).serialized(pretty: true)).write(to: file)
    let notes = try Self.strangers(in: path)
    #expect(notes.count == 1 && notes[0].hasSuffix(": foo"), "\(notes)")
  }
}
