internal import Bytes
internal import JSON

/// Reads a JSON document from front to back without building a tree of it. A `tokenizer.json` needs this for three
/// reasons: it has hundreds of thousands of strings, the order of a vocabulary is kept, and keys that differ only in
/// how a character is composed stay two keys.
struct JSONReader {
  private let bytes: [UInt8]
  private let path: String
  /// Byte offset of what is read next. Setting it goes back, or on.
  var position = 0
  private var depth = 0

  /// Documents nest deeper only to do harm.
  private static let deepest = 128

  init(_ bytes: [UInt8], path: String) {
    self.bytes = bytes
    self.path = path
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  func malformed(_ message: String) -> FileError {
    FileError(.malformed, path: path, offset: min(position, bytes.count), message)
  }

  /// The first byte of the next value, without taking it.
  mutating func peek() throws(FileError) -> UInt8 {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return bytes[position]
      }
    }
    throw FileError(.truncated, path: path, offset: bytes.count, "the JSON document ends in the middle")
  }

  private mutating func take(_ byte: Character) -> Bool {
    guard let next = try? peek(), next == byte.asciiValue else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ byte: Character) throws(FileError) {
    guard try peek() == byte.asciiValue else {
      throw malformed("not valid JSON: a \(byte) is expected here")
    }
    position += 1
  }

  /// Reads an object; `body` reads or skips the value of every member.
  mutating func object(_ body: (inout JSONReader, _ key: String) throws(FileError) -> Void) throws(FileError) {
    try enter("{")
    if !take("}") {
      repeat {
        let key = try string()
        try expect(":")
        try body(&self, key)
      } while take(",")
      try expect("}")
    }
    depth -= 1
  }

  /// Reads an array; `body` reads or skips every element.
  mutating func array(_ body: (inout JSONReader) throws(FileError) -> Void) throws(FileError) {
    try enter("[")
    if !take("]") {
      repeat { try body(&self) } while take(",")
      try expect("]")
    }
    depth -= 1
  }

  private mutating func enter(_ bracket: Character) throws(FileError) {
    try expect(bracket)
    depth += 1
    guard depth <= Self.deepest else { throw malformed("values nest deeper than \(Self.deepest) levels") }
  }

  /// Makes sure that nothing follows the document.
  mutating func end() throws(FileError) {
    if (try? peek()) != nil { throw malformed("something follows the JSON document") }
  }

  /// The value as it is, for the small parts of a document.
  mutating func value() throws(FileError) -> JSONValue {
    switch try peek() {
    case UInt8(ascii: "{"):
      var members: [String: JSONValue] = [:]
      try object { reader, key throws(FileError) in members[key] = try reader.value() }
      return .object(members)
    case UInt8(ascii: "["):
      var elements: [JSONValue] = []
      try array { reader throws(FileError) in elements.append(try reader.value()) }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"):
      try literal("true")
      return true
    case UInt8(ascii: "f"):
      try literal("false")
      return false
    case UInt8(ascii: "n"):
      try literal("null")
      return .null
    default:
      let text = try number()
      if let integer = Int(text) { return .integer(integer) }
      if let number = Double(text) { return .number(number) }
      throw malformed("not valid JSON: \(shown(text)) is no number")
    }
  }

  /// Passes over a value of any kind.
  mutating func skip() throws(FileError) {
    switch try peek() {
    case UInt8(ascii: "{"): try object { reader, _ throws(FileError) in try reader.skip() }
    case UInt8(ascii: "["): try array { reader throws(FileError) in try reader.skip() }
    case UInt8(ascii: "\""): try skipString()
    case UInt8(ascii: "t"): try literal("true")
    case UInt8(ascii: "f"): try literal("false")
    case UInt8(ascii: "n"): try literal("null")
    default: _ = try number()
    }
  }

  mutating func integer() throws(FileError) -> Int {
    _ = try peek()
    let start = position
    let text = try number()
    guard let value = Int(text) else {
      position = start
      throw malformed("an integer is expected here, not \(shown(text))")
    }
    return value
  }

  private mutating func number() throws(FileError) -> String {
    let start = position
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
        UInt8(ascii: "e"), UInt8(ascii: "E"):
        position += 1
        continue
      default: break
      }
      break
    }
    guard position > start else { throw malformed("not valid JSON: a value is expected here") }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func literal(_ text: String) throws(FileError) {
    guard bytes[position...].starts(with: text.utf8) else {
      throw malformed("not valid JSON: a value is expected here")
    }
    position += text.utf8.count
  }

  /// Reads a string. Text that is not UTF-8, and half a pair of surrogates, are errors.
  mutating func string() throws(FileError) -> String {
    try expect("\"")
    let start = position
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        let text = try text(bytes[start..<position])
        position += 1
        return text
      case UInt8(ascii: "\\"): return try escapedString(from: start)
      case 0..<0x20: throw malformed("not valid JSON: a control character in a string")
      default: position += 1
      }
    }
    throw FileError(.truncated, path: path, offset: bytes.count, "the JSON document ends inside a string")
  }

  private mutating func skipString() throws(FileError) {
    try expect("\"")
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        position += 1
        return
      case UInt8(ascii: "\\"): position = min(position + 2, bytes.count)
      default: position += 1
      }
    }
    throw FileError(.truncated, path: path, offset: bytes.count, "the JSON document ends inside a string")
  }

  private func text(_ utf8: some Collection<UInt8>) throws(FileError) -> String {
    guard let text = String(validating: utf8, as: UTF8.self) else { throw malformed("a string is not valid UTF-8") }
    return text
  }

  private mutating func escapedString(from start: Int) throws(FileError) -> String {
    var utf8 = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return try text(utf8)
      case UInt8(ascii: "\\"):
        guard position < bytes.count else { break }
        let escape = bytes[position]
        position += 1
        switch escape {
        case UInt8(ascii: "n"): utf8.append(0x0A)
        case UInt8(ascii: "t"): utf8.append(0x09)
        case UInt8(ascii: "r"): utf8.append(0x0D)
        case UInt8(ascii: "b"): utf8.append(0x08)
        case UInt8(ascii: "f"): utf8.append(0x0C)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): utf8.append(escape)
        case UInt8(ascii: "u"): utf8.append(contentsOf: try unicodeEscape())
        default: throw malformed("not valid JSON: an unknown escape in a string")
        }
      case 0..<0x20: throw malformed("not valid JSON: a control character in a string")
      default: utf8.append(byte)
      }
    }
    throw FileError(.truncated, path: path, offset: bytes.count, "the JSON document ends inside a string")
  }

  /// The scalar of `\uXXXX`, or of two of them that make a pair.
  private mutating func unicodeEscape() throws(FileError) -> String.UTF8View {
    let first = try fourDigits()
    var value = UInt32(first)
    if first & 0xFC00 == 0xD800, bytes[position...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) {
      position += 2
      let second = try fourDigits()
      guard second & 0xFC00 == 0xDC00 else { throw malformed("half a pair of surrogates in a string") }
      value = 0x10000 + (UInt32(first & 0x3FF) << 10 | UInt32(second & 0x3FF))
    }
    guard let scalar = Unicode.Scalar(value) else { throw malformed("half a pair of surrogates in a string") }
    return String(scalar).utf8
  }

  private mutating func fourDigits() throws(FileError) -> UInt16 {
    guard position + 4 <= bytes.count else { throw malformed("not valid JSON: four digits are expected after \\u") }
    var value: UInt16 = 0
    for byte in bytes[position..<position + 4] {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt16(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt16(byte - UInt8(ascii: "a") + 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt16(byte - UInt8(ascii: "A") + 10)
      default: throw malformed("not valid JSON: four digits are expected after \\u")
      }
    }
    position += 4
    return value
  }
}
