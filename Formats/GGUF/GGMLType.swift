public import Tensors

/// A type of tensor data, with its number in the file.
public struct GGMLType: Hashable, Sendable {
  public let id: UInt32
  public let encoding: Encoding
  /// Whether it is a form that runtimes keep activations in and files should not have.
  public let isIntermediate: Bool
  /// The numbers of more than one byte in a block, which a big-endian file stores reversed. Nil where writers on
  /// big-endian machines do not agree on the bytes.
  let fields: [Field]?

  /// `count` numbers of `width` bytes that begin `offset` bytes into the block.
  struct Field: Hashable, Sendable {
    let offset: Int
    let width: Int
    var count = 1
  }

  /// The type with that number in a file.
  public init?(id: UInt32) {
    guard let type = Self.byID[id] else { return nil }
    self = type
  }

  /// The type that stores tensors of `encoding`.
  public init?(_ encoding: Encoding) {
    guard let type = Self.byEncoding[encoding] else { return nil }
    self = type
  }

  private init(
    _ id: UInt32, _ encoding: Encoding, fields: [Field]?, isIntermediate: Bool = false
  ) {
    self.id = id
    self.encoding = encoding
    self.fields = fields
    self.isIntermediate = isIntermediate
  }

  private static func plain(_ id: UInt32, _ encoding: Encoding) -> GGMLType {
    let width = encoding.bytesPerBlock
    return GGMLType(id, encoding, fields: width == 1 ? [] : [Field(offset: 0, width: width)])
  }

  private static func block(
    _ id: UInt32, _ name: String, _ elements: Int, _ bytes: Int, halves: [Int]? = [], words: [Field] = [],
    isIntermediate: Bool = false
  ) -> GGMLType {
    GGMLType(
      id, Encoding(name: name, elementsPerBlock: elements, bytesPerBlock: bytes),
      fields: halves.map { $0.map { Field(offset: $0, width: 2) } + words }, isIntermediate: isIntermediate)
  }

  /// Every type that files may have, by number. `halves` are the places of 16-bit numbers, which nearly all are
  /// scales; nil is a layout whose words are filled through memory of another width.
  public static let all: [GGMLType] = [
    plain(0, .f32),
    plain(1, .f16),
    block(2, "q4_0", 32, 18, halves: [0]),
    block(3, "q4_1", 32, 20, halves: [0, 2]),
    block(6, "q5_0", 32, 22, halves: [0], words: [Field(offset: 2, width: 4)]),
    block(7, "q5_1", 32, 24, halves: [0, 2], words: [Field(offset: 4, width: 4)]),
    block(8, "q8_0", 32, 34, halves: [0]),
    block(9, "q8_1", 32, 36, halves: [0, 2], isIntermediate: true),
    block(10, "q2_k", 256, 84, halves: [80, 82]),
    block(11, "q3_k", 256, 110, halves: [108]),
    block(12, "q4_k", 256, 144, halves: [0, 2]),
    block(13, "q5_k", 256, 176, halves: [0, 2]),
    block(14, "q6_k", 256, 210, halves: [208]),
    block(
      15, "q8_k", 256, 292,
      words: [Field(offset: 0, width: 4), Field(offset: 260, width: 2, count: 16)], isIntermediate: true),
    block(16, "iq2_xxs", 256, 66, halves: nil),
    block(17, "iq2_xs", 256, 74, halves: [0], words: [Field(offset: 2, width: 2, count: 32)]),
    block(18, "iq3_xxs", 256, 98, halves: nil),
    block(19, "iq1_s", 256, 50, halves: [0], words: [Field(offset: 34, width: 2, count: 8)]),
    block(20, "iq4_nl", 32, 18, halves: [0]),
    block(21, "iq3_s", 256, 110, halves: [0]),
    block(22, "iq2_s", 256, 82, halves: [0]),
    block(23, "iq4_xs", 256, 136, halves: [0, 2]),
    plain(24, .i8),
    plain(25, .i16),
    plain(26, .i32),
    plain(27, .i64),
    plain(28, .f64),
    block(29, "iq1_m", 256, 56, halves: nil),
    plain(30, .bf16),
    block(34, "tq1_0", 256, 54, halves: [52]),
    block(35, "tq2_0", 256, 66, halves: [64]),
    block(39, "mxfp4", 32, 17),
    block(40, "nvfp4", 64, 36),
    block(41, "q1_0", 128, 18, halves: [0]),
    block(42, "q2_0", 64, 18, halves: [0]),
  ]

  private static let byID = Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0) })
  private static let byEncoding = Dictionary(uniqueKeysWithValues: all.map { ($0.encoding, $0) })
}
