internal import Bytes
public import Quantization

/// A type a weight can be given: a codec, and whether its scales are quantized in turn.
public struct TargetType: Sendable {
  public let codec: any Codec
  /// Whether the absmax scales of a blockwise codec are stored as 8-bit codes.
  public let isDoubleQuantized: Bool

  public init(codec: any Codec, isDoubleQuantized: Bool = false) {
    self.codec = codec
    self.isDoubleQuantized = isDoubleQuantized
  }

  /// The type of that name, without block size.
  /// - Throws: `FileError` when there is none, or it can only be read.
  init(named name: String) throws(FileError) {
    guard let codec = Catalog.codec(named: name), codec.canEncode else {
      throw FileError(.unsupported, path: "recipe", subject: name, "is not a type that can be written")
    }
    self.init(codec: codec)
  }

  public var name: String { codec.name }

  /// Whether a weight of it is several stored tensors in every container.
  public var isSpelled: Bool { WeightLayouts.all.contains { $0.writes(self) } }

  /// Whether folders of such weights are for other programs too.
  var isOpenedByTransformers: Bool { WeightLayouts.all.contains { $0.writes(self) && $0.reader(of: self) == $0.name } }
}

/// What a recipe says of one output tensor.
public enum TypeChoice: Sendable {
  /// Encoded with this type.
  case type(TargetType)
  /// Whatever it is stored as, as far as the container can hold that.
  case kept
}
