/// Codes of rows of values, a byte each, and the numbers of their groups.
public struct EncodedGroups: Sendable {
  /// `rows * columns`, in the order of the values.
  public var codes: [UInt8] = []
  /// `group rows * groups of a row`, row after row; each is exactly a value of the format that it is stored in.
  public var scales: [Float] = []
  /// Likewise: zeros (whole numbers) or biases; empty where there are none.
  public var offsets: [Float] = []

  public init() {}
}
