import Foundation
import JSON
import Quantization
import Tensors
import TestSupport
import Testing

/// Bytes and values as ggml gives them, for every type of the catalog that ggml has.
@Suite struct GGMLGoldenTests {
  static let entries = Catalog.entries.filter { entry in
    guard let encoding = entry.encoding else { return false }
    return encoding.elementsPerBlock > 1 || ["f16", "bf16"].contains(entry.name)
  }

  // MARK: - The vectors beside this file

  static let file = Result { try GoldenFile(path: Golden.folder + "ggml.safetensors") }

  @Test func everyTypeIsThere() throws {
    let file = try Self.file.get()
    let types = file.keys.filter { $0.hasPrefix("codes/") }.map { String($0.dropFirst(6)) }
    #expect(Set(types) == Set(Self.entries.map(\.name)))
    for entry in Self.entries where entry.canEncode {
      #expect(
        entry.codec() is any WeightedBlockCodec == file.contains("q/\(entry.name)/gauss/weighted"), "\(entry.name)")
    }
  }

  @Test(arguments: entries, KernelSet.all)
  func committedBytes(entry: Catalog.Entry, kernels: KernelSet) throws {
    let file = try Self.file.get()
    let codec = entry.codec(kernels: kernels)
    guard codec.canEncode else {
      let values = try file.floats("in/gauss")
      #expect(codec.encoding(of: values) == .failure(.notEncodable(type: entry.name)))
      #expect(codec.referenceEncoding(of: values) == .failure(.notEncodable(type: entry.name)))
      return
    }
    let kinds = codec is any WeightedBlockCodec ? ["plain", "weighted"] : ["plain"]
    for input in ["gauss", "special"] {
      for kind in kinds {
        let key = "\(entry.name)/\(input)/\(kind)"
        let valid = try file.bytes("valid/" + key)
        let matrix = Matrix(
          name: key, values: try file.floats("in/" + input), columns: try file.shape("in/" + input)[1],
          importance: kind == "weighted" ? try file.floats("importance/" + input) : nil,
          bytes: try file.bytes("q/" + key)
        )
        #expect(valid.contains(1))
        check(matrix, with: codec, alsoReference: kernels == KernelSet.all.first) { row in
          let blocks = matrix.columns / codec.elementsPerBlock
          let bad = valid[row * blocks..<(row + 1) * blocks].firstIndex(of: 0).map {
            ($0 - row * blocks) * codec.elementsPerBlock
          }
          let clamped = Self.firstClamped(of: matrix.values(row), by: codec)
          // With importance most types of ggml spoil such a row from its beginning; here the value is to blame.
          if kind == "weighted", clamped != nil { return .refusal(index: nil) }
          return [bad, clamped].compactMap(\.self).min().map { .refusal(index: $0) } ?? .bytes
        }
        if kind == "plain" { checkBlocks(of: matrix, valid: valid, with: codec) }
      }
    }
  }

  @Test(arguments: entries, KernelSet.all)
  func committedValues(entry: Catalog.Entry, kernels: KernelSet) throws {
    let file = try Self.file.get()
    let codes = try file.bytes("codes/" + entry.name)
    let values = try file.floats("d/" + entry.name)
    let codec = entry.codec(kernels: kernels)
    #expect(areSame(codec.decoded(codes, elements: values.count), values))
    #expect(areSame(codec.referenceDecode(codes, elements: values.count), values))
  }

  // MARK: - The full-size vectors

  @Test(.enabled(if: Golden.shared != nil, Golden.noShared), arguments: entries, KernelSet.all)
  func fullSize(entry: Catalog.Entry, kernels: KernelSet) throws {
    let codec = entry.codec(kernels: kernels)
    let vectors = try FullSizeVectors("ggml_golden", "ggml_manifest", of: entry)
    #expect(!vectors.entries.isEmpty)
    for vector in vectors.entries {
      let matrix = try vectors.matrix(vector)
      let statuses = vector["row_status"]?.array
      func status(_ row: Int) -> Expected {
        guard let status = statuses?[row] else { return vector["valid"]?.bool == true ? .bytes : .refusal(index: nil) }
        guard status["status"]?.string == "ok" else { return .anything }
        if Self.firstClamped(of: matrix.values(row), by: codec) != nil { return .refusal(index: nil) }
        return status["valid"]?.bool == true ? .bytes : .refusal(index: nil)
      }
      if codec.canEncode {
        check(matrix, with: codec, alsoReference: kernels == KernelSet.all.first && matrix.columns == 256, status)
      }
      let values = try vectors.file.floats(vector["deq_key"]?.string ?? "")
      let decoded = codec.decoded(matrix.bytes, elements: values.count)
      for row in 0..<matrix.rows where status(row) != .anything {
        let range = row * matrix.columns..<(row + 1) * matrix.columns
        #expect(areSame(Array(decoded[range]), Array(values[range])), "\(matrix.name), row \(row)")
      }
    }
  }

  @Test(
    .enabled(if: Golden.shared != nil, Golden.noShared), arguments: entries.filter(\.canEncode), KernelSet.all)
  func bulk(entry: Catalog.Entry, kernels: KernelSet) throws {
    let vectors = try FullSizeVectors("ggml_bulk", "ggml_bulk_manifest", of: entry)
    let bits = try vectors.file.bytes("in/bf16_bits_256x2048")
    let values = stride(from: 0, to: bits.count, by: 2).map {
      Float(bitPattern: UInt32(bits[$0]) << 16 | UInt32(bits[$0 + 1]) << 24)
    }
    #expect(!vectors.entries.isEmpty)
    for vector in vectors.entries {
      let importance = try vector["imatrix"]?.string.map { try vectors.file.floats("imatrix/" + $0) }
      let bytes = try entry.codec(kernels: kernels).encoding(of: values, importance: importance).get()
      #expect(SHA256.hexadecimal(of: bytes) == vector["sha256"]?.string)
    }
  }

  // MARK: - Comparing

  /// Rows of values, and the bytes that ggml encoded them to.
  struct Matrix {
    let name: String
    let values: [Float]
    let columns: Int
    let importance: [Float]?
    let bytes: [UInt8]

    var rows: Int { values.count / columns }
    private var rowBytes: Int { bytes.count / rows }

    func values(_ row: Int) -> [Float] { Array(values[row * columns..<(row + 1) * columns]) }
    func bytes(_ row: Int) -> [UInt8] { Array(bytes[row * rowBytes..<(row + 1) * rowBytes]) }
  }

  enum Expected: Equatable {
    case bytes
    /// ggml writes a number that is not finite, where we must refuse.
    case refusal(index: Int?)
    /// ggml aborts.
    case anything
  }

  /// Checks each row alone, and all rows that ggml encodes at once, so that pieces do not matter.
  private func check(
    _ matrix: Matrix, with codec: any ReferencedCodec, alsoReference: Bool, _ expected: (_ row: Int) -> Expected
  ) {
    var differing: [Int] = []
    var (values, bytes) = ([Float](), [UInt8]())
    for row in 0..<matrix.rows {
      var results = [codec.encoding(of: matrix.values(row), importance: matrix.importance)]
      if alsoReference {
        results.append(codec.referenceEncoding(of: matrix.values(row), importance: matrix.importance))
      }
      for result in results where !isExpected(result, expected(row), matrix.bytes(row), codec) { differing.append(row) }
      if expected(row) == .bytes {
        values += matrix.values(row)
        bytes += matrix.bytes(row)
      }
    }
    #expect(differing.isEmpty, "rows of \(matrix.name)")
    #expect(codec.encoding(of: values, importance: matrix.importance) == .success(bytes), "\(matrix.name)")
  }

  private func isExpected(
    _ result: Result<[UInt8], CodecError>, _ expected: Expected, _ bytes: [UInt8], _ codec: any Codec
  ) -> Bool {
    switch (expected, result) {
    case (.anything, _): true
    case (.bytes, _): result == .success(bytes)
    case (.refusal(let index?), _): result == .failure(refusal(of: codec, at: index))
    case (.refusal(nil), .failure): true
    case (.refusal(nil), .success): false
    }
  }

  /// Where the first block begins whose values ggml clamps (NVFP4), or stores as zeros, since their squares are infinite;
  /// we refuse those.
  private static func firstClamped(of row: [Float], by codec: any Codec) -> Int? {
    let largest: Float = codec.name == "nvfp4" ? 2784 : codec is any WeightedBlockCodec ? 0x1p60 : .infinity
    guard let first = row.firstIndex(where: { $0.magnitude >= largest && $0.isFinite }) else { return nil }
    return first / codec.elementsPerBlock * codec.elementsPerBlock
  }

  private func refusal(of codec: any Codec, at index: Int) -> CodecError {
    codec.elementsPerBlock == 1 ? .notRepresentable(index: index) : .scaleOverflow(index: index)
  }

  /// Checks each block alone.
  private func checkBlocks(of matrix: Matrix, valid: [UInt8], with codec: any Codec) {
    let elements = codec.elementsPerBlock
    let byteCount = codec.byteCount(elements: elements)
    let differing = valid.indices.filter { block in
      let values = Array(matrix.values[block * elements..<(block + 1) * elements])
      let bytes = Array(matrix.bytes[block * byteCount..<(block + 1) * byteCount])
      let isRefused = valid[block] == 0 || Self.firstClamped(of: values, by: codec) != nil
      return codec.encoding(of: values) != (isRefused ? .failure(refusal(of: codec, at: 0)) : .success(bytes))
    }
    #expect(differing.isEmpty, "blocks of \(matrix.name)")
  }

  /// Whether values have the same bits. Which of two NaNs a product keeps is left to the processor.
  private func areSame(_ values: [Float], _ others: [Float]) -> Bool {
    values.count == others.count
      && zip(values, others).allSatisfy { $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN) }
  }
}

/// What the folder of full-size vectors has of one type.
private struct FullSizeVectors {
  let file: GoldenFile
  let entries: [JSONValue]

  init(_ name: String, _ manifest: String, of type: Catalog.Entry) throws {
    let folder = Golden.shared ?? ""
    file = try GoldenFile(path: folder + name + ".safetensors")
    let list = try JSONValue(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: folder + manifest + ".json"))))
    // With importance only where the codec heeds it, or ggml does not.
    let takesImportance =
      try type.codec() is any WeightedBlockCodec || !type.canEncode
      || !GGMLGoldenTests.file.get().contains("q/\(type.name)/gauss/weighted")
    entries = (list.array ?? list["entries"]?.array ?? []).filter {
      $0["type"]?.string?.lowercased() == type.name && (takesImportance || $0["imatrix"]?.string == nil)
    }
  }

  func matrix(_ vector: JSONValue) throws -> GGMLGoldenTests.Matrix {
    let key = try #require(vector["bytes_key"]?.string)
    return GGMLGoldenTests.Matrix(
      name: key, values: try file.floats("in/" + (vector["input"]?.string ?? "")),
      columns: try #require(vector["n_per_row"]?.int),
      importance: try vector["imatrix"]?.string.map { try file.floats("imatrix/" + $0) }, bytes: try file.bytes(key))
  }
}
