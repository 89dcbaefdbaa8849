// What Chameleon's vocabulary sets apart.

private enum Literal {
  static let sentinel = Array("<sentinel:".utf8)
  static let image = Array("IMGIMG".utf8)
  static let four = Array("    ".utf8)
  static let two = Array("  ".utf8)
}

extension Splitter {
  static let sentinels = Splitter(
    name: "sentinels", expressions: ["<sentinel:[0-9]+>"],
    matchEnd: { text, start, end in
      guard var index = literalEnd(text, start, end, Literal.sentinel), index < end else { return nil }
      let first = index
      while index < end, text[index] >= UInt8(ascii: "0"), text[index] <= UInt8(ascii: "9") { index += 1 }
      return index > first && index < end && text[index] == UInt8(ascii: ">") ? index + 1 : nil
    })

  static let images = Splitter(
    name: "pieces of images", expressions: ["(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z"],
    matchEnd: { text, start, end in
      guard var index = literalEnd(text, start, end, Literal.image) else { return nil }
      let first = index
      while index < end, index < first + 4, text[index] >= UInt8(ascii: "A"), text[index] <= UInt8(ascii: "I") {
        index += 1
      }
      return index > first && index < end && text[index] == UInt8(ascii: "Z") ? index + 1 : nil
    })

  static let tabsAndIndents = Splitter(
    name: "tabs and indents", expressions: [#"([\t\n]|    |  )"#],
    matchEnd: { text, start, end in
      if text[start] == 0x09 || text[start] == 0x0A { return start + 1 }
      return literalEnd(text, start, end, Literal.four) ?? literalEnd(text, start, end, Literal.two)
    })

  private static func literalEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int, _ literal: [UInt8]) -> Int? {
    var index = start
    for byte in literal {
      guard index < end, text[index] == byte else { return nil }
      index += 1
    }
    return index
  }
}
