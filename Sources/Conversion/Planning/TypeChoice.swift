internal import Bytes
public import Quantization
internal import Tensors

/// A type a weight can be given: a codec, and whether its scales are quantized in turn; or groups in the spelling of a layout.
public struct TargetType: Sendable {
  /// nil for groups.
  public let codec: (any Codec)?
  /// nil for a codec.
  public let groups: GroupType?
  /// Whether the absmax scales of a blockwise codec are stored as 8-bit codes.
  public let isDoubleQuantized: Bool

  public init(codec: any Codec, isDoubleQuantized: Bool = false) {
    self.codec = codec
    self.isDoubleQuantized = isDoubleQuantized
    groups = nil
  }

  public init(groups: GroupType) {
    self.groups = groups
    codec = nil
    isDoubleQuantized = false
  }

  /// The type of that name, without block size.
  /// - Throws: `FileError` when there is none, or it can only be read.
  init(named name: String) throws(FileError) {
    guard let codec = Catalog.codec(named: name), codec.canEncode else {
      throw FileError(.unsupported, path: "recipe", subject: name, "is not a type that can be written")
    }
    self.init(codec: codec)
  }

  public var name: String { groups?.name ?? codec?.name ?? "" }

  /// How it lies in a single stored tensor; nil where it takes several.
  var encoding: Encoding? { (codec as? any BlockCodec)?.encoding }

  /// Whether it is a type of single elements.
  public var isElement: Bool { codec?.elementsPerBlock == 1 }

  public var canEncode: Bool { groups != nil || codec?.canEncode == true }

  /// Whether a weight of it is several stored tensors in every container.
  public var isSpelled: Bool { groups != nil || WeightLayouts.all.contains { $0.writes(self) } }

  /// Whether folders of such weights are for other programs too.
  var isOpenedByTransformers: Bool {
    groups?.layout == LLMInt8Layout().key
      || WeightLayouts.all.contains { $0.writes(self) && $0.reader(of: self) == $0.name }
  }
}

/// What a recipe says of one output tensor.
public enum TypeChoice: Sendable {
  /// Encoded with this type.
  case type(TargetType)
  /// Whatever it is stored as, as far as the container can hold that.
  case kept
  /// In the spelling of that layout, as near to what it is as can be; what is not quantized stays as it is.
  ///
  /// Where config.json says something of all weights once, they have that in common with `like`.
  case layout(String, like: TargetType?)
}
