internal import Bytes

/// The name of one file of a split set: `prefix-00002-of-00005.gguf`.
package struct ShardName: Hashable, Sendable {
  package let prefix: String
  /// From 1 on.
  package let number: Int
  package let count: Int

  package static let suffix = ".gguf"

  /// As it is written.
  let ending: String

  init(prefix: String, number: Int, count: Int, ending: String = suffix) {
    self.prefix = prefix
    self.ending = ending
    self.number = number
    self.count = count
  }

  /// Nil for a name without folder that is not of that form.
  package init?(_ name: String) {
    let tail = name.utf8.suffix(Self.tailLength)
    guard name.utf8.count > Self.tailLength, let text = String(tail),
      text.hasPrefix("-"), text.hasFileEnding(Self.suffix), text.dropFirst(6).hasPrefix("-of-"),
      let number = Self.number(text.dropFirst(1).prefix(5)), let count = Self.number(text.dropFirst(10).prefix(5)),
      number >= 1, number <= count
    else { return nil }
    self.prefix = String(name.dropLast(Self.tailLength))
    self.ending = String(text.suffix(Self.suffix.count))
    self.number = number
    self.count = count
  }

  var fileName: String {
    "\(prefix)-\(Self.padded(number))-of-\(Self.padded(count))\(ending)"
  }

  /// Bytes of `-00002-of-00005.gguf`.
  private static let tailLength = 20

  private static func number(_ digits: Substring) -> Int? {
    digits.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(digits) : nil
  }

  private static func padded(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(5 - digits.count, 0)) + digits
  }
}
