public import Tensors

/// A key of a GGUF's metadata with the value that it is to have.
public struct MetadataOverride: Hashable, Sendable {
  public let key: String
  public let value: MetadataValue

  public init(key: String, value: MetadataValue) {
    self.key = key
    self.value = value
  }

  /// Reads llama-quantize's spelling, `KEY=TYPE:VALUE`, with the types `int`, `float`, `bool` and `str`; nil where it is
  /// none. Whole numbers are stored as unsigned 32-bit ones, as most of llama.cpp's keys are.
  public init?(_ text: String) {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else { return nil }
    let typed = text[text.index(after: equals)...]
    guard let colon = typed.firstIndex(of: ":") else { return nil }
    guard let value = Self.value(String(typed[typed.index(after: colon)...]), type: typed[..<colon]) else { return nil }
    self.init(key: String(text[..<equals]), value: value)
  }

  private static func value(_ text: String, type: Substring) -> MetadataValue? {
    switch type {
    case "int": UInt32(text).map(MetadataValue.uint32)
    case "float": Float(text).flatMap { $0.isFinite ? .float32($0) : nil }
    case "bool": Bool(text).map(MetadataValue.bool)
    case "str": .string(text)
    default: nil
    }
  }
}
