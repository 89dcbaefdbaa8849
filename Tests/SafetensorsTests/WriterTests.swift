import Bytes
import JSON
import Safetensors
import Tensors
import TestSupport
import Testing

struct WriterTests {
  /// What a plan's file is when tensor `number` of the file is filled with bytes of that number.
  static func bytes(of file: PlannedFile) -> [UInt8] {
    var bytes = file.header
    for (number, tensor) in file.tensors.enumerated() {
      #expect(tensor.offset == bytes.count)
      bytes += [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: tensor.descriptor.byteCount)
    }
    #expect(bytes.count == file.byteCount)
    return bytes
  }

  @Test func everyTypeComesBack() throws {
    let folder = try TemporaryFolder()
    let tensors = try SafetensorsElementType.all.map { type in
      try TensorDescriptor(name: "t " + type.name, encoding: type.encoding, shape: [3, type.encoding.elementsPerBlock])
    }
    let plan = try SafetensorsWriter.plan(tensors: tensors, metadata: ["format": "pt", "\u{1}é\"": "\\\n\u{7F}"])
    #expect(plan.files.map(\.name) == ["model.safetensors"])
    #expect(plan.index == nil)
    #expect(plan.byteCount == plan.files[0].byteCount)
    #expect(plan.files[0].header.count % 8 == 0)
    let file = try SafetensorsFile(path: folder.write(Self.bytes(of: plan.files[0]), to: "model.safetensors"))
    #expect(file.tensors == tensors.reversed())
    #expect(file.metadata == ["format": "pt", "\u{1}é\"": "\\\n\u{7F}"])
    #expect(file.placedTensors == plan.files[0].tensors)
    for (number, tensor) in file.tensors.enumerated() {
      #expect(try file.bytes(of: tensor.name) == [UInt8](repeating: UInt8(number), count: tensor.byteCount))
    }
  }

  @Test func theHeaderIsTheReferenceLibrarys() throws {
    let plan = try SafetensorsWriter.plan(
      tensors: [
        TensorDescriptor(name: "b", encoding: .f32, shape: [2, 3]),
        TensorDescriptor(name: "é\u{7F}/", encoding: .bf16, shape: []),
        TensorDescriptor(name: "\"\\\u{1F}\n", encoding: .i64, shape: [0]),
        TensorDescriptor(name: "B", encoding: .f32, shape: [1]),
      ], metadata: ["format": "pt"])
    let header = String(decoding: plan.files[0].header.dropFirst(8), as: UTF8.self)
    let expected =
      #"{"__metadata__":{"format":"pt"},"\"\\\u001f\n":{"dtype":"I64","shape":[0],"data_offsets":[0,0]},"#
      + #""B":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},"#
      + "\"é\u{7F}/\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[28,30]}}"
    #expect(header == expected + String(repeating: " ", count: 7 - (expected.utf8.count + 7) % 8))
  }

  @Test func nothingToWrite() throws {
    let plan = try SafetensorsWriter.plan(tensors: [])
    #expect(plan.files.map(\.header) == [[8, 0, 0, 0, 0, 0, 0, 0] + Array("{}      ".utf8)])
  }

  @Test func shards() throws {
    // As huggingface_hub divides: 8 is larger than a shard and goes alone, ahead of the shard that is being filled.
    let sizes = [3, 3, 8, 1, 4, 0, 2]
    let tensors = try sizes.enumerated().map { number, size in
      try TensorDescriptor(name: "t\(number)", encoding: .u8, shape: [size])
    }
    let plan = try SafetensorsWriter.plan(
      tensors: tensors, maximumShardBytes: 7, baseName: "m", parameterCount: 21)
    #expect(plan.files.map { $0.tensors.map(\.descriptor.name) } == [["t2"], ["t0", "t1", "t3"], ["t4", "t5", "t6"]])
    #expect(plan.files.map(\.name) == (1...3).map { "m-0000\($0)-of-00003.safetensors" })
    let index = try #require(plan.index)
    #expect(index.name == "m.safetensors.index.json")
    #expect(
      String(decoding: index.bytes, as: UTF8.self) == """
        {
          "metadata": {
            "total_parameters": 21,
            "total_size": 21
          },
          "weight_map": {
            "t0": "m-00002-of-00003.safetensors",
            "t1": "m-00002-of-00003.safetensors",
            "t2": "m-00001-of-00003.safetensors",
            "t3": "m-00002-of-00003.safetensors",
            "t4": "m-00003-of-00003.safetensors",
            "t5": "m-00003-of-00003.safetensors",
            "t6": "m-00003-of-00003.safetensors"
          }
        }

        """)

    let folder = try TemporaryFolder()
    for file in plan.files { try folder.write(Self.bytes(of: file), to: file.name) }
    try folder.write(index.bytes, to: index.name)
    let opened = try SafetensorsFolder(path: folder.path)
    #expect(Set(opened.tensors) == Set(tensors))
    #expect(opened.warnings.isEmpty)
    #expect(plan.byteCount == plan.files.reduce(index.bytes.count) { $0 + $1.byteCount })
  }

  @Test("A limit that everything fits in gives one file", arguments: [nil, 14, Int.max])
  func oneShard(limit: Int?) throws {
    let tensors = try ["a", "b"].map { try TensorDescriptor(name: $0, encoding: .u8, shape: [7]) }
    let plan = try SafetensorsWriter.plan(tensors: tensors, maximumShardBytes: limit)
    #expect(plan.files.map(\.name) == ["model.safetensors"])
    #expect(plan.index == nil)
  }

  @Test func whatCannotBeWritten() throws {
    let a = try TensorDescriptor(name: "a", encoding: .u8, shape: [1])
    let block = Encoding(name: "q8_0", elementsPerBlock: 32, bytesPerBlock: 34)
    for (tensors, rule, code) in try [
      ([a, a], "ST-6", FileError.Code.malformed),
      ([TensorDescriptor(name: "__metadata__", encoding: .u8, shape: [1])], "ST-8", .malformed),
      ([TensorDescriptor(name: "q", encoding: block, shape: [32])], "ST-9", .unsupported),
    ] {
      let error = try #require(throws: FileError.self) { _ = try SafetensorsWriter.plan(tensors: tensors) }
      #expect(error.rule == rule)
      #expect(error.code == code)
    }
    let huge = try (0..<2).map { try TensorDescriptor(name: "\($0)", encoding: .u8, shape: [Int.max - 1]) }
    #expect(throws: FileError.self) { _ = try SafetensorsWriter.plan(tensors: huge) }
  }

  @Test(
    "Headers of files written by other programs come out the same",
    .enabled(if: SharedData.isThere, "\(SharedData.absence)"),
    arguments: [
      "models/stories3M/hf-bf16/model.safetensors", "models/stories3M/hf-f32/model.safetensors",
      "models/stories3M/hf-f16-sharded/model-00002-of-00004.safetensors",
      "quantized/stories3M-k256-bnb-nf4-double/model.safetensors",
    ])
  func sameHeader(path: String) throws {
    let file = try SafetensorsFile(path: SharedData.path(path))
    let plan = try SafetensorsWriter.plan(tensors: file.tensors, metadata: file.metadata)
    #expect(try plan.files[0].header == file.source.bytes(at: 0, count: file.dataOffset))
  }

  @Test(
    "An index written by transformers comes out the same", .enabled(if: SharedData.isThere, "\(SharedData.absence)"))
  func sameIndex() throws {
    let folder = try SafetensorsFolder(path: SharedData.path("models/stories3M/hf-f16-sharded"))
    // The first three shards are full but for the tensor that did not fit.
    let plan = try SafetensorsWriter.plan(
      tensors: folder.files.flatMap(\.tensors), metadata: folder.metadata, maximumShardBytes: 1_970_000,
      parameterCount: 3_214_080)
    #expect(plan.files.count == 4)
    let original = try InputFile.contents(of: try #require(folder.indexPath))
    let document = try JSONValue(parsing: original)
    #expect(try document.serialized() == original)
    #expect(try JSONValue(parsing: #require(plan.index).bytes)["metadata"] == document["metadata"])
  }
}
