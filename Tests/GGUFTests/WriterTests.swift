import Bytes
import Tensors
import TestSupport
import Testing

@testable import GGUF

@Suite struct WriterTests {
  /// Bytes that differ from tensor to tensor.
  static func contents(of descriptor: TensorDescriptor) -> [UInt8] {
    let start = descriptor.name.utf8.reduce(0) { ($0 * 31 + Int($1)) % 251 }
    return (0..<descriptor.byteCount).map { UInt8((start + $0) % 251) }
  }

  /// Writes what is planned into `folder` and opens the first file.
  static func write(_ files: [PlannedFile], in folder: TemporaryFolder) throws -> GGUFSource {
    for file in files { try folder.write(file.filled(contents), to: file.name) }
    return try GGUFSource(path: folder.path + "/" + files[0].name)
  }

  static let metadata: GGUFMetadata = {
    var metadata = GGUFMetadata()
    metadata["general.architecture"] = .string("llama")
    for (index, value) in [
      .uint8(1), .int8(-1), .uint16(2), .int16(-2), .uint32(3), .int32(-3), .uint64(.max), .int64(.min),
      .float32(-0.0), .float64(.pi), .bool(false), .string("ünï"), .rawString([0xC0]),
      .uint8s([1, 2]), .int8s([-1]), .uint16s([3]), .int16s([-3]), .uint32s([4]), .int32s([-4]), .uint64s([5]),
      .int64s([-5]), .float32s([.infinity, Float(bitPattern: 1)]), .float64s([.greatestFiniteMagnitude]),
      .bools([true, false]),
      .strings(["a", "", "b\n"]), .rawStrings([[0xFF], []]), .strings([]), .int32s([]),
    ].enumerated() as EnumeratedSequence<[MetadataValue]> {
      metadata["test.value-\(index)"] = value
    }
    return metadata
  }()

  static func tensors() throws -> [TensorDescriptor] {
    var tensors: [TensorDescriptor] = []
    for type in GGMLType.all where !type.isIntermediate {
      tensors.append(
        try TensorDescriptor(
          name: "blk.\(type.id).weight", encoding: type.encoding, shape: [3, 2 * type.encoding.elementsPerBlock]))
    }
    tensors.append(try TensorDescriptor(name: "scalar", encoding: .f32, shape: []))
    tensors.append(try TensorDescriptor(name: "none", encoding: .f32, shape: [0, 4]))
    tensors.append(try TensorDescriptor(name: "experts", encoding: .f16, shape: [2, 3, 1, 5]))
    return tensors
  }

  @Test func everythingComesBack() throws {
    let tensors = try Self.tensors()
    let files = try GGUFWriter.plan(metadata: Self.metadata, tensors: tensors, name: "out.gguf")
    #expect(files.map(\.name) == ["out.gguf"])
    let source = try Self.write(files, in: try TemporaryFolder())
    #expect(source.metadata.entries == Self.metadata.entries)
    #expect(source.tensors == tensors)
    for tensor in tensors { #expect(try source.bytes(of: tensor.name) == Self.contents(of: tensor)) }
    #expect(source.files[0].version == 3)
    #expect(source.files[0].isLittleEndian)
    #expect(source.files[0].remarks == [])
    #expect(source.files[0].tensors == files[0].tensors)
    #expect(source.files[0].byteCount == files[0].byteCount)
    #expect(source.files[0].unclaimedByteCount == 0)
  }

  @Test(arguments: [8, 32, 64, 4096])
  func alignmentIsObeyed(_ alignment: Int) throws {
    var metadata = Self.metadata
    metadata["general.alignment"] = .uint32(UInt32(alignment))
    let files = try GGUFWriter.plan(metadata: metadata, tensors: try Self.tensors(), name: "out.gguf")
    #expect(files[0].tensors.allSatisfy { $0.offset % alignment == 0 })
    #expect(files[0].byteCount % alignment == 0)
    let source = try Self.write(files, in: try TemporaryFolder())
    #expect(source.files[0].alignment == alignment)
    #expect(source.files[0].remarks == [])
  }

  @Test(arguments: [1500, 2000, 3000, 8192], [nil, 64])
  func splitSetsComeBack(_ limit: Int, _ alignment: UInt32?) throws {
    let tensors = try Self.tensors()
    var metadata = GGUFMetadata()
    metadata["general.architecture"] = .string("llama")
    metadata["general.alignment"] = alignment.map { MetadataValue.uint32($0) }
    let files = try GGUFWriter.plan(
      metadata: metadata, tensors: tensors, name: "out.gguf", maximumSplitBytes: limit)
    #expect(files.count > 1)
    #expect(files.allSatisfy { $0.byteCount <= limit })
    let folder = try TemporaryFolder()
    let source = try Self.write(files, in: folder)
    #expect(source.files.count == files.count)
    #expect(source.tensors == tensors)
    #expect(source.metadata.entries == metadata.entries)
    for tensor in tensors { #expect(try source.bytes(of: tensor.name) == Self.contents(of: tensor)) }
    for (number, file) in source.files.enumerated() {
      #expect(file.metadata["split.no"] == .uint16(UInt16(number)))
      #expect(file.metadata["split.count"] == .uint16(UInt16(files.count)))
      #expect(file.metadata["split.tensors.count"] == .int32(Int32(tensors.count)))
      #expect((file.metadata["general.architecture"] != nil) == (number == 0))
      #expect(file.alignment == Int(alignment ?? 32))
      #expect(file.remarks == [])
      #expect(file.byteCount == files[number].byteCount)
    }
    // What is split once and written again as one file is the same as if it had never been split.
    let whole = try GGUFWriter.plan(metadata: source.metadata, tensors: source.tensors, name: "out.gguf")
    let direct = try GGUFWriter.plan(metadata: metadata, tensors: tensors, name: "out.gguf")
    #expect(whole[0].header == direct[0].header)
  }

  @Test func aLimitThatHoldsEverythingMakesNoSplit() throws {
    let files = try GGUFWriter.plan(
      metadata: Self.metadata, tensors: try Self.tensors(), name: "out.gguf", maximumSplitBytes: 1 << 20)
    #expect(files.map(\.name) == ["out.gguf"])
    let exact = try GGUFWriter.plan(
      metadata: Self.metadata, tensors: try Self.tensors(), name: "out.gguf", maximumSplitBytes: files[0].byteCount)
    #expect(exact.count == 1)
  }

  @Test func sizesOfRealModelsArePlanned() throws {
    // 1000 tensors of 2^40 bytes each: far more than any disk, and no trouble for a plan.
    let tensors = try (0..<1000).map {
      try TensorDescriptor(name: "t\($0)", encoding: .f32, shape: [1 << 19, 1 << 19])
    }
    let files = try GGUFWriter.plan(
      metadata: GGUFMetadata(), tensors: tensors, name: "big.gguf", maximumSplitBytes: 1 << 43)
    #expect(files.count == 143)
    #expect(files.last?.name == "big-00143-of-00143.gguf")
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let rule: GGUFRule
    let subject: String?
    var metadata = GGUFMetadata()
    var tensors: [TensorDescriptor] = []
    var name = "out.gguf"
    var limit: Int?
  }

  static func one(_ key: String, _ value: MetadataValue) -> GGUFMetadata {
    var metadata = GGUFMetadata()
    metadata[key] = value
    return metadata
  }

  static func refusals() throws -> [Refusal] {
    let longName = String(repeating: "n", count: 64)
    let plain = try TensorDescriptor(name: "a", encoding: .f32, shape: [100])
    func tensor(_ name: String, _ encoding: Encoding = .f32, _ shape: [Int] = [8]) throws -> TensorDescriptor {
      try TensorDescriptor(name: name, encoding: encoding, shape: shape)
    }
    return [
      Refusal(
        testDescription: "arrays of arrays", rule: .writtenMetadata, subject: "x",
        metadata: one("x", .arrays([.uint8s([1])]))),
      Refusal(testDescription: "empty key", rule: .writtenMetadata, subject: "", metadata: one("", .bool(true))),
      Refusal(testDescription: "key not ASCII", rule: .writtenMetadata, subject: "ä", metadata: one("ä", .bool(true))),
      Refusal(
        testDescription: "wrong type of a known key", rule: .writtenMetadata, subject: "general.architecture",
        metadata: one("general.architecture", .uint8(1))),
      Refusal(
        testDescription: "alignment 3", rule: .alignment, subject: "general.alignment",
        metadata: one("general.alignment", .uint32(3))),
      Refusal(
        testDescription: "alignment of another type", rule: .alignment, subject: "general.alignment",
        metadata: one("general.alignment", .int32(32))),
      Refusal(
        testDescription: "name of 64 bytes", rule: .writtenTensors, subject: longName, tensors: [try tensor(longName)]),
      Refusal(testDescription: "empty name", rule: .writtenTensors, subject: "", tensors: [try tensor("")]),
      Refusal(testDescription: "same name", rule: .writtenTensors, subject: "a", tensors: [plain, plain]),
      Refusal(
        testDescription: "five dimensions", rule: .writtenTensors, subject: "a",
        tensors: [try tensor("a", .f32, [1, 1, 1, 1, 1])]),
      Refusal(
        testDescription: "type of another container", rule: .writtenTensors, subject: "a",
        tensors: [try tensor("a", .f8E4M3)]),
      Refusal(
        testDescription: "intermediate type", rule: .writtenTensors, subject: "a",
        tensors: [try tensor("a", Encoding(name: "q8_k", elementsPerBlock: 256, bytesPerBlock: 292), [256])]),
      Refusal(
        testDescription: "longer than 63 bits", rule: .writtenTensors, subject: nil,
        tensors: [try tensor("a", .i8, [1 << 62]), try tensor("b", .i8, [1 << 62])]),
      Refusal(
        testDescription: "name of a shard", rule: .writtenSplit, subject: nil, name: "out-00001-of-00002.gguf"),
      Refusal(
        testDescription: "tensor above the limit", rule: .writtenSplit, subject: nil,
        tensors: [plain, try tensor("b", .f32, [1000])], limit: 1000),
      Refusal(
        testDescription: "metadata above the limit", rule: .writtenSplit, subject: nil,
        metadata: one("x", .string(longName)), tensors: [plain], limit: 100),
    ]
  }

  @Test func whatReadersWouldRefuseIsNotPlanned() throws {
    for refusal in try Self.refusals() {
      let error = #expect(throws: FileError.self, "\(refusal.testDescription)") {
        try GGUFWriter.plan(
          metadata: refusal.metadata, tensors: refusal.tensors, name: refusal.name, maximumSplitBytes: refusal.limit)
      }
      #expect(error?.rule == refusal.rule.citation, "\(error.debugDescription)")
      #expect(error?.subject == refusal.subject, "\(error.debugDescription)")
    }
  }

  @Test func metadataKeepsItsOrder() {
    var metadata = GGUFMetadata()
    for key in ["a", "b", "c", "d"] { metadata[key] = .string(key) }
    metadata["b"] = nil
    metadata["c"] = .bool(true)
    metadata["e"] = .bool(false)
    #expect(metadata.entries.map(\.key) == ["a", "c", "d", "e"])
    #expect(metadata["c"] == .bool(true))
    #expect(metadata["d"] == .string("d"))
    #expect(metadata["b"] == nil)
    metadata.removeAll { $0.key == "a" }
    #expect(metadata["d"] == .string("d"))
    #expect(metadata["a"] == nil)
  }
}
