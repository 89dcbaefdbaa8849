/// A small file of a checkpoint folder, whole.
public struct TokenizerFile: Hashable, Sendable {
  public let name: String
  public let bytes: [UInt8]
}
