import Bytes
import Quantization
import Tensors
import TestSupport
import Testing

@testable import Architectures
@testable import Conversion

/// Transforms that put rows in other places copy encoded rows: nothing is decoded, and the bytes are those of the stored
/// tensors.
@Suite struct EncodedRowsTests {
  /// Stored tensors of any bytes: what is only copied need not be anything.
  private struct Stored: TensorSource {
    let name = "stored"
    let tensors: [TensorDescriptor]
    let bytes: [String: [UInt8]]

    func descriptor(of name: String) -> TensorDescriptor? { tensors.first { $0.name == name } }

    func read(_ name: String, at offset: Int, into target: inout MutableRawSpan) throws(FileError) {
      guard let bytes = bytes[name], offset + target.byteCount <= bytes.count else {
        throw FileError.noSuchTensor(name, in: self.name)
      }
      for index in 0..<target.byteCount {
        target.storeBytes(of: bytes[offset + index], toByteOffset: index, as: UInt8.self)
      }
    }
  }

  /// A weight that can only be copied.
  private final class Undecodable: StoredWeight {
    let descriptor: TensorDescriptor
    let source: any TensorSource

    init(_ descriptor: TensorDescriptor, in source: any TensorSource) {
      self.descriptor = descriptor
      self.source = source
    }

    var name: String { descriptor.name }
    var shape: [Int] { descriptor.shape }
    var typeName: String { descriptor.encoding.name }
    var storedNames: [String] { [name] }
    var isQuantized: Bool { true }
    var copiedEncoding: Encoding? { descriptor.encoding }

    func read(
      elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
    ) throws(FileError) { Issue.record("something is decoded") }

    func readEncoded(fromElement element: Int, into bytes: inout MutableRawSpan) throws(FileError) {
      try source.read(name, at: descriptor.encoding.byteCount(elements: element) ?? 0, into: &bytes)
    }
  }

  private static let columns = 64

  /// The tensors `a`, `b` ..., of these types and shapes, with bytes of their own.
  private static func stored(_ tensors: [(type: String, shape: [Int])]) throws -> (inputs: TensorInputs, Stored) {
    var random = SeededGenerator(seed: 3)
    var descriptors: [TensorDescriptor] = []
    var bytes: [String: [UInt8]] = [:]
    for (name, tensor) in zip(["a", "b", "c"], tensors) {
      let encoding = try #require(Catalog.entries.first { $0.name == tensor.type }?.encoding)
      let descriptor = try TensorDescriptor(name: name, encoding: encoding, shape: tensor.shape)
      descriptors.append(descriptor)
      bytes[name] = (0..<descriptor.byteCount).map { _ in UInt8(truncatingIfNeeded: random.next() >> 8) }
    }
    let source = Stored(tensors: descriptors, bytes: bytes)
    let weights = descriptors.map { Undecodable($0, in: source) }
    return (TensorInputs(model: "model", tensors: weights), source)
  }

  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let shapes: [[Int]]
    let derivation: Derivation
    let shape: [Int]
    /// Each row of the result: the stored tensor and its row.
    let rows: [(String, Int)]

    init(_ name: String, _ shapes: [[Int]], _ derivation: Derivation, _ shape: [Int], _ rows: [(String, Int)]) {
      (testDescription, self.shapes, self.derivation, self.shape, self.rows) = (name, shapes, derivation, shape, rows)
    }
  }

  private static let (a, b, c) = (
    Derivation.source(named: "a"), Derivation.source(named: "b"), Derivation.source(named: "c")
  )

  private static func rows(of name: String, _ rows: [Int]) -> [(String, Int)] { rows.map { (name, $0) } }

  static let cases: [Case] = [
    Case(
      "rows interleaved", [[16, 64]], a.applying(RowOrder(.interleaving, headDimension: 8)), [16, 64],
      rows(of: "a", [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15])),
    Case(
      "rows deinterleaved", [[12, 64]], a.applying(RowOrder(.deinterleaving, headDimension: 6)), [12, 64],
      rows(of: "a", [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11])),
    Case(
      "a slice", [[16, 64]], a.applying(GroupedRows(5..<9, ofEach: 16)), [4, 64], rows(of: "a", [5, 6, 7, 8])),
    Case(
      "rows of each group", [[16, 64]], a.applying(GroupedRows(2..<4, ofEach: 4)), [8, 64],
      rows(of: "a", [2, 3, 6, 7, 10, 11, 14, 15])),
    Case(
      "every second row of a stack", [[2, 6, 64]], a.applying(GroupedRows(1..<2, ofEach: 2)), [2, 3, 64],
      rows(of: "a", [1, 3, 5, 7, 9, 11])),
    Case(
      "tensors one after the other", [[4, 64], [2, 64], [2, 64]], .making(MergedRows([4, 2, 2]), of: [a, b, c]),
      [8, 64], rows(of: "a", [0, 1, 2, 3]) + rows(of: "b", [0, 1]) + rows(of: "c", [0, 1])),
    Case(
      "tensors in turn", [[4, 64], [2, 64], [2, 64]], .making(MergedRows([2, 1, 1]), of: [a, b, c]), [8, 64],
      [("a", 0), ("a", 1), ("b", 0), ("c", 0), ("a", 2), ("a", 3), ("b", 1), ("c", 1)]),
    Case(
      "stacks in turn", [[2, 2, 64], [2, 2, 64]], .making(MergedRows([1, 1]), of: [a, b]), [2, 4, 64],
      [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2), ("a", 3), ("b", 3)]),
    Case(
      "a stack", [[3, 64], [3, 64]], .making(Stack(), of: [a, b]), [2, 3, 64],
      rows(of: "a", [0, 1, 2]) + rows(of: "b", [0, 1, 2])),
    Case(
      "one of a stack", [[3, 4, 64]], a.applying(StackedTensor(1, of: 3)), [4, 64], rows(of: "a", [4, 5, 6, 7])),
    Case(
      "several at once", [[2, 8, 64], [4, 64]],
      .making(
        Stack(),
        of: [
          a.applying(StackedTensor(1, of: 2)).applying(GroupedRows(4..<8, ofEach: 8)),
          b.applying(RowOrder(.interleaving, headDimension: 4)),
        ]), [2, 4, 64], rows(of: "a", [12, 13, 14, 15]) + rows(of: "b", [0, 2, 1, 3])),
  ]

  @Test(arguments: ["q8_0", "q4_0"], cases)
  func encodedRowsAreCopied(_ type: String, _ expected: Case) throws {
    let (inputs, source) = try Self.stored(expected.shapes.map { (type, $0) })
    let tensor = try DerivedTensor(expected.derivation, inputs: inputs)
    #expect(tensor.shape == expected.shape)
    let encoding = try #require(tensor.copiedEncoding)
    #expect(encoding.name == type)
    let rowBytes = try #require(encoding.byteCount(elements: Self.columns))
    var wanted: [UInt8] = []
    for (name, row) in expected.rows {
      wanted += try #require(source.bytes[name])[row * rowBytes..<(row + 1) * rowBytes]
    }
    let elements = expected.rows.count * Self.columns
    #expect(try encoded(tensor, 0..<elements, encoding) == wanted)
    // Slabs begin and end with blocks, wherever rows end.
    for slab in [32, 96, 5 * 32] {
      var found: [UInt8] = []
      for start in stride(from: 0, to: elements, by: slab) {
        found += try encoded(tensor, start..<min(start + slab, elements), encoding)
      }
      #expect(found == wanted, "slabs of \(slab)")
    }
  }

  private func encoded(_ tensor: DerivedTensor, _ elements: Range<Int>, _ encoding: Encoding) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: try #require(encoding.byteCount(elements: elements.count)))
    try bytes.withMutableBytes { span throws(FileError) in try tensor.readEncoded(elements: elements, into: &span) }
    return bytes
  }

  /// Blocks are not taken apart, and one tensor has one encoding.
  @Test func whatIsNotMadeOfWholeBlocksIsComputed() throws {
    let order = RowOrder(.interleaving, headDimension: 8)
    for (types, shape, derivation) in [
      (["q8_0"], [64], Self.a.applying(order)),
      (["q8_0", "q4_0"], [4, 64], .making(Stack(), of: [Self.a, Self.b])),
      (["q8_0", "q4_0"], [4, 64], .making(MergedRows([4, 4]), of: [Self.a, Self.b])),
    ] as [([String], [Int], Derivation)] {
      let (inputs, _) = try Self.stored(types.map { ($0, shape) })
      #expect(try DerivedTensor(derivation, inputs: inputs).copiedEncoding == nil, "\(types) \(shape)")
    }
    let (inputs, _) = try Self.stored([("f16", [64])])
    #expect(try DerivedTensor(Self.a.applying(order), inputs: inputs).copiedEncoding == .f16)
  }
}
