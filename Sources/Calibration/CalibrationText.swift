internal import CTexts

/// A kind of text that a calibration reads.
public struct CalibrationText: Hashable, Sendable {
  /// Where a text comes from.
  public enum Origin: Hashable, Sendable {
    case bytes([UInt8])
    /// The model writes it.
    case generated
  }

  /// The file, or what else says it.
  public var name: String
  public var origin: Origin

  public init(name: String, origin: Origin) {
    self.name = name
    self.origin = origin
  }

  /// What is read where no text is given: prose, documentation and code that ship with Decant, and what the model writes itself.
  public static let usual: [CalibrationText] =
    (0..<decant_text_count()).map { index in
      let text = unsafe decant_text_at(index).pointee
      let bytes = unsafe Array(UnsafeBufferPointer(start: text.bytes, count: text.count))
      return CalibrationText(name: unsafe String(cString: text.name), origin: .bytes(bytes))
    } + [CalibrationText(name: generatedName, origin: .generated)]

  /// What generated text is called.
  public static let generatedName = "generated"
}
