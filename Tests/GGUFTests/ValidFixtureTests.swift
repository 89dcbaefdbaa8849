import Bytes
import Tensors
import Testing

@testable import GGUF

/// The valid fixtures read to the values that their script put in.
@Suite struct ValidFixtureTests {
  static let names = Fixture.names(in: "valid")

  @Test(arguments: names)
  func opensAndReadsEveryTensor(_ name: String) throws {
    let source = try GGUFSource(path: Fixture.opened("valid", name))
    for tensor in source.tensors {
      #expect(try source.bytes(of: tensor.name).count == tensor.byteCount)
      #expect(source.descriptor(of: tensor.name) == tensor)
    }
    let isOdd = name.hasPrefix("odd-") && name != "odd-merged-split.gguf"
    if isOdd { #expect(!source.files.flatMap(\.remarks).isEmpty) }
  }

  @Test(arguments: ["every-metadata-type.gguf", "every-metadata-type-big-endian.gguf"])
  func everyMetadataType(_ name: String) throws {
    let metadata = try GGUFFile(path: Fixture.path("valid/" + name)).metadata
    let expected: [(String, MetadataValue)] = [
      ("scalar.u8", .uint8(.max)), ("scalar.i8", .int8(.min)), ("scalar.u16", .uint16(.max)),
      ("scalar.i16", .int16(.min)), ("scalar.u32", .uint32(.max)), ("scalar.i32", .int32(.min)),
      ("scalar.f32", .float32(1.5)), ("scalar.bool", .bool(true)), ("scalar.string", .string("héllo ▁")),
      ("scalar.u64", .uint64(.max)), ("scalar.i64", .int64(.min)), ("scalar.f64", .float64(-0.1)),
      ("array.u8", .uint8s([0, 1, 255])), ("array.i8", .int8s([-1, 0, 1])), ("array.u16", .uint16s([1, 65535])),
      ("array.i16", .int16s([-2, 2])), ("array.u32", .uint32s([7, .max])), ("array.i32", .int32s([-7, 7])),
      ("array.f32", .float32s([0.5, -2])), ("array.bool", .bools([true, false, true])),
      ("array.string", .strings(["", "a", "<0x0A>"])), ("array.u64", .uint64s([1 << 63])),
      ("array.i64", .int64s([.min])), ("array.f64", .float64s([0.1])), ("array.empty", .float32s([])),
      ("array.no-strings", .strings([])),
    ]
    #expect(metadata.entries == expected.map { GGUFMetadata.Entry(key: $0.0, value: $0.1) })
  }

  @Test func nestedArrays() throws {
    let metadata = try GGUFFile(path: Fixture.path("valid/nested-arrays.gguf")).metadata
    #expect(
      metadata["nested"]
        == .arrays([.int32s([1, 2]), .strings(["x"]), .arrays([.uint8s([9])]), .uint8s([])]))
  }

  @Test func stringsThatAreNotUTF8KeepTheirBytes() throws {
    let metadata = try GGUFFile(path: Fixture.path("valid/not-utf8.gguf")).metadata
    #expect(metadata["raw"] == .rawString([0xFF, 0xFE]))
    let tokens: [[UInt8]] = [Array("ok".utf8), [0xE2, 0x96], Array("▁".utf8)]
    #expect(metadata["tokenizer.ggml.tokens"] == .rawStrings(tokens))
    #expect(try metadata.stringBytes("tokenizer.ggml.tokens") == tokens)
    let error = #expect(throws: FileError.self) { try metadata.strings("tokenizer.ggml.tokens") }
    #expect(error?.message.contains("not all UTF-8") == true)
  }

  /// A big-endian file lends the same bytes as the little-endian one of the same values, however they are asked for.
  @Test func bigEndianTensorsAreTurnedAround() throws {
    let little = try GGUFSource(path: Fixture.path("valid/every-tensor-type.gguf"))
    let big = try GGUFSource(path: Fixture.path("valid/every-tensor-type-big-endian.gguf"))
    #expect(!big.files[0].isLittleEndian)
    for tensor in big.tensors {
      let expected = try little.bytes(of: tensor.name)
      #expect(try big.bytes(of: tensor.name) == expected, "\(tensor.name)")
      #expect(little.descriptor(of: tensor.name) == tensor)
      for (offset, count) in [(1, 5), (0, 1), (tensor.byteCount - 3, 3), (3, tensor.byteCount - 3)]
      where offset >= 0 && offset + count <= tensor.byteCount {
        var part = [UInt8](repeating: 0, count: count)
        try part.withMutableBytes { raw throws(FileError) in try big.read(tensor.name, at: offset, into: &raw) }
        #expect(part == Array(expected[offset..<offset + count]), "\(tensor.name)")
      }
    }
  }

  @Test func everyTypeHasItsSize() throws {
    let source = try GGUFSource(path: Fixture.path("valid/every-tensor-type.gguf"))
    #expect(source.tensors.map(\.encoding.name).sorted() == GGMLType.all.map(\.encoding.name).sorted())
    for tensor in source.tensors {
      #expect(tensor.name == tensor.encoding.name)
      #expect(tensor.shape == [2, 2 * tensor.encoding.elementsPerBlock])
      #expect(tensor.byteCount == 4 * tensor.encoding.bytesPerBlock)
      #expect(GGMLType(tensor.encoding)?.encoding == tensor.encoding)
    }
    // The fields that are turned around lie inside the block, without overlap.
    for type in GGMLType.all {
      var end = 0
      for field in (type.fields ?? []).sorted(by: { $0.offset < $1.offset }) {
        #expect(field.offset >= end)
        end = field.offset + field.width * field.count
      }
      #expect(end <= type.encoding.bytesPerBlock)
    }
  }

  @Test func shapesAreOutermostFirst() throws {
    let file = try GGUFFile(path: Fixture.path("valid/four-dimensions.gguf"))
    #expect(file.tensors.map(\.descriptor.shape) == [[1, 2, 1, 4]])
    let scalar = try GGUFSource(path: Fixture.path("valid/no-dimensions.gguf"))
    #expect(scalar.tensors.first?.shape == [])
    #expect(try scalar.bytes(of: "a") == [0, 0, 0x28, 0x42])
  }

  @Test func gapsAndTrailingBytesAreCounted() throws {
    #expect(try GGUFFile(path: Fixture.path("valid/odd-trailing-bytes.gguf")).unclaimedByteCount == 13)
    #expect(try GGUFFile(path: Fixture.path("valid/odd-order-and-gap.gguf")).unclaimedByteCount == 64)
    #expect(try GGUFFile(path: Fixture.path("valid/alignment-64.gguf")).unclaimedByteCount == 0)
  }

  @Test(arguments: ["00001", "00002", "00003"])
  func anyShardOpensTheSet(_ number: String) throws {
    let source = try GGUFSource(path: Fixture.path("valid/split/model-\(number)-of-00003.gguf"))
    #expect(source.tensors.map(\.name) == ["a", "b", "c", "d"])
    #expect(source.files.count == 3)
    #expect(source.metadata.entries.map(\.key) == ["general.architecture"])
  }

  @Test func readingOutsideATensorIsAnError() throws {
    let source = try GGUFSource(path: Fixture.path("valid/alignment-64.gguf"))
    for (offset, count) in [(0, 33), (32, 1), (-1, 1), (.max, 1)] {
      var bytes = [UInt8](repeating: 0, count: count)
      #expect(throws: FileError.self) {
        try bytes.withMutableBytes { raw throws(FileError) in try source.read("a", at: offset, into: &raw) }
      }
    }
    #expect(throws: FileError.noSuchTensor("x", in: source.name)) { try source.bytes(of: "x") }
  }

  @Test func accessorsAreTyped() throws {
    let metadata = try GGUFFile(path: Fixture.path("valid/every-metadata-type.gguf")).metadata
    #expect(try metadata.unsigned("scalar.u64") == .max)
    #expect(try metadata.integer("scalar.i64") == .min)
    #expect(try metadata.float("scalar.f64") == -0.1)
    #expect(try metadata.bool("scalar.bool") == true)
    #expect(try metadata.string("scalar.string") == "héllo ▁")
    #expect(try metadata.integers("array.i16") == [-2, 2])
    #expect(try metadata.integers("array.i16", perLayer: 2) == [-2, 2])
    #expect(try metadata.integers("scalar.u8", perLayer: 3) == [255, 255, 255])
    #expect(try metadata.floats("array.f64") == [0.1])
    #expect(try metadata.bools("array.bool") == [true, false, true])
    #expect(try metadata.string("no.such.key") == nil)
    #expect(throws: FileError.self) { try metadata.unsigned("scalar.i8") }
    #expect(throws: FileError.self) { try metadata.integer("scalar.u64") }
    #expect(throws: FileError.self) { try metadata.string("scalar.u8") }
    #expect(throws: FileError.self) { try metadata.integers("array.u64") }
    #expect(throws: FileError.self) { try metadata.integers("array.i16", perLayer: 3) }
  }
}
