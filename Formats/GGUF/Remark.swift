/// Something odd about a file that is read all the same.
public struct Remark: Hashable, Sendable {
  public let sentence: String
  /// The rule of `SPEC.md` that is not kept: `GGUF-24`.
  public let rule: String
}
