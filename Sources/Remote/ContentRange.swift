/// Which part of a file an answer holds: `bytes 0-99/1234`, or `bytes */1234` where there is no such part.
public struct ContentRange: Hashable, Sendable {
  /// nil where the part that was asked for is not there.
  public let range: Range<Int>?
  public let total: Int

  /// - Returns: nil for what is malformed, in other units, or does not tell the length of the whole.
  public init?(_ text: String) {
    guard text.lowercased().hasPrefix("bytes ") else { return nil }
    let parts = text.dropFirst("bytes ".count).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let total = Self.number(parts[1]) else { return nil }
    self.total = total
    if parts[0] == "*" {
      range = nil
      return
    }
    let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]), first <= last,
      last < total
    else { return nil }
    range = first..<last + 1
  }

  /// Digits alone: a sign is none of a length.
  private static func number(_ text: Substring) -> Int? {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
  }
}
