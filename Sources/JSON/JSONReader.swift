internal import Bytes

/// Reads a JSON document from front to back, value by value, as its caller asks for them.
///
///     var reader = JSONReader(bytes)
///     try reader.beginObject()
///     while let key = try reader.nextKey() { ... reader.readString() ... }
///     try reader.finish()
///
/// Foundation's decoder will not do for the headers of checkpoints and for vocabularies, nor for settings that are
/// written again, since to it 8.0 and 8 are one.
/// - Every member is seen, in order, also one whose key was there before.
/// - Keys are bytes: "é" composed and decomposed are two. Strings that are read compare as `String` does, to which the
///   two are one; where that matters, collect them into something that compares their UTF-8.
/// - It is strict (RFC 8259: UTF-8, no comments, no trailing commas, no leading zeros, no lone surrogates, nothing
///   after the value but white space), counts depth, and tells where an error is.
/// - A string whose characters have more than 30 marks is an error: such strings take ages to compare.
/// - It takes time in proportion to the bytes, and memory only for the strings that are asked for, each no longer than
///   its bytes. Values are skipped without taking any.
public struct JSONReader: ~Copyable {
  /// What kind of value comes next.
  public enum Kind: Sendable {
    case null, bool, number, string, array, object
  }

  /// A number as it was written: an integer that fits `Int`, or else the nearest `Double`.
  public enum Number: Hashable, Sendable {
    case integer(Int)
    case floating(Double)
  }

  /// Bytes from the start of the document.
  public private(set) var offset: Int
  /// How many arrays and objects are open here.
  public var depth: Int { isEmptySoFar.count }

  private let bytes: [UInt8]
  private let maximumDepth: Int
  /// For each open array or object, whether no element of it has been read yet.
  private var isEmptySoFar: [Bool] = []

  /// - Parameters:
  ///   - bytes: one whole document.
  ///   - offset: where to begin: at its start, or at a value that another reader passed over.
  ///   - maximumDepth: how many arrays and objects may be open at once. 128 is what `serde_json`, and with it the
  ///     `tokenizers` library, takes.
  public init(_ bytes: [UInt8], at offset: Int = 0, maximumDepth: Int = 128) {
    self.bytes = bytes
    self.offset = offset
    self.maximumDepth = maximumDepth
  }

  // MARK: Structure

  /// The kind of the value that comes next.
  public mutating func peek() throws(JSONError) -> Kind {
    skipWhiteSpace()
    guard let byte = current else { throw unexpected("a value") }
    return switch byte {
    case UInt8(ascii: "{"): .object
    case UInt8(ascii: "["): .array
    case UInt8(ascii: "\""): .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
    case UInt8(ascii: "n"): .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
    default: throw unexpected("a value")
    }
  }

  public mutating func beginObject() throws(JSONError) {
    try open(UInt8(ascii: "{"), "an object")
  }

  public mutating func beginArray() throws(JSONError) {
    try open(UInt8(ascii: "["), "an array")
  }

  /// The key of the next member, whose value is read next; nil when the object ends here.
  public mutating func nextKey() throws(JSONError) -> String? {
    guard try advanceToKey() else { return nil }
    let key = try readString()
    try passColon()
    return key
  }

  /// Whether the array has another element, which is read next.
  public mutating func nextElement() throws(JSONError) -> Bool {
    try advance(closing: UInt8(ascii: "]"))
  }

  /// Makes sure that nothing but white space follows.
  public mutating func finish() throws(JSONError) {
    skipWhiteSpace()
    guard offset == bytes.count else { throw unexpected("the end of the document") }
  }

  // MARK: Values

  public mutating func readString() throws(JSONError) -> String {
    let (content, isEscaped) = try scanString()
    guard let string = try isEscaped ? unescaped(content) : String(validating: bytes[content], as: UTF8.self) else {
      throw notUTF8(content)
    }
    guard StreamSafeText.holds(string) else {
      throw JSONError(
        "a character of a string has more than \(StreamSafeText.mostMarks) marks", offset: content.lowerBound)
    }
    return string
  }

  /// An integer without fraction or exponent.
  public mutating func readInteger() throws(JSONError) -> Int {
    skipWhiteSpace()
    let start = offset
    guard case .integer(let value) = try readNumber() else {
      throw JSONError(
        "a whole number of at most 63 bits, written without fraction or exponent, is wanted", offset: start)
    }
    return value
  }

  public mutating func readNumber() throws(JSONError) -> Number {
    skipWhiteSpace()
    let start = offset
    var end = start
    func digit(_ index: Int) -> Bool { index < bytes.count && bytes[index] &- UInt8(ascii: "0") < 10 }

    let isNegative = current == UInt8(ascii: "-")
    if isNegative { end += 1 }
    guard digit(end) else { throw unexpected("a number") }
    var magnitude = 0
    var fits = true
    if bytes[end] == UInt8(ascii: "0") {
      end += 1
      if digit(end) { throw JSONError("a number must not begin with a zero", offset: start) }
    } else {
      while digit(end) {
        // Counted downwards, because the most negative integer has no positive counterpart.
        let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
        let (sum, borrow) = product.subtractingReportingOverflow(Int(bytes[end] - UInt8(ascii: "0")))
        fits = fits && !overflow && !borrow
        magnitude = fits ? sum : 0
        end += 1
      }
    }
    var isInteger = true
    if end < bytes.count, bytes[end] == UInt8(ascii: ".") {
      isInteger = false
      end += 1
      guard digit(end) else { throw JSONError("a digit must follow the decimal point", offset: end) }
      while digit(end) { end += 1 }
    }
    if end < bytes.count, bytes[end] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      end += 1
      if end < bytes.count, bytes[end] == UInt8(ascii: "+") || bytes[end] == UInt8(ascii: "-") { end += 1 }
      guard digit(end) else { throw JSONError("an exponent must have a digit", offset: end) }
      while digit(end) { end += 1 }
    }
    defer { offset = end }
    if isInteger, fits {
      if isNegative { return magnitude == 0 ? .floating(-0.0) : .integer(magnitude) }
      if magnitude != Int.min { return .integer(-magnitude) }
    }
    guard let value = Double(String(decoding: bytes[start..<end], as: UTF8.self)), value.isFinite else {
      throw JSONError("a number is too large", offset: start)
    }
    return .floating(value)
  }

  public mutating func readBool() throws(JSONError) -> Bool {
    skipWhiteSpace()
    if current == UInt8(ascii: "t") {
      try readWord("true")
      return true
    }
    guard current == UInt8(ascii: "f") else { throw unexpected("true or false") }
    try readWord("false")
    return false
  }

  public mutating func readNull() throws(JSONError) {
    skipWhiteSpace()
    guard current == UInt8(ascii: "n") else { throw unexpected("null") }
    try readWord("null")
  }

  /// Passes over a value of any kind, as strictly as if it were read. `offset` before and after are the value's place
  /// when `peek` was called before.
  public mutating func skipValue() throws(JSONError) {
    switch try peek() {
    case .null: try readNull()
    case .bool: _ = try readBool()
    case .number: _ = try readNumber()
    case .string: try skipString()
    case .array:
      try beginArray()
      while try nextElement() { try skipValue() }
    case .object:
      try beginObject()
      while try advanceToKey() {
        try skipString()
        try passColon()
        try skipValue()
      }
    }
  }

  private mutating func skipString() throws(JSONError) {
    let (content, _) = try scanString()
    guard (try? UTF8Span(validating: bytes.span.extracting(content))) != nil else { throw notUTF8(content) }
  }
}

// MARK: - Scanning

extension JSONReader {
  /// The byte here; nil at the end.
  private var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private mutating func skipWhiteSpace() {
    while offset < bytes.count {
      switch bytes[offset] {
      case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"): offset += 1
      default: return
      }
    }
  }

  /// An error that says what is here instead of `wanted`.
  private func unexpected(_ wanted: String) -> JSONError {
    guard let byte = current else {
      return JSONError("\(wanted) is wanted, but the document ends", offset: offset)
    }
    let found = (0x21...0x7E).contains(byte) ? "'\(Character(Unicode.Scalar(byte)))'" : "byte \(byte)"
    return JSONError("\(wanted) is wanted, not \(found)", offset: offset)
  }

  private mutating func open(_ bracket: UInt8, _ wanted: String) throws(JSONError) {
    skipWhiteSpace()
    guard current == bracket else { throw unexpected(wanted) }
    guard depth < maximumDepth else {
      throw JSONError("more than \(maximumDepth) arrays and objects are nested", offset: offset)
    }
    offset += 1
    isEmptySoFar.append(true)
  }

  /// Moves to the key of the next member; false, and past the bracket, when there is none.
  private mutating func advanceToKey() throws(JSONError) -> Bool {
    guard try advance(closing: UInt8(ascii: "}")) else { return false }
    guard current == UInt8(ascii: "\"") else { throw unexpected("a key") }
    return true
  }

  private mutating func passColon() throws(JSONError) {
    skipWhiteSpace()
    guard current == UInt8(ascii: ":") else { throw unexpected("a colon") }
    offset += 1
    skipWhiteSpace()
  }

  /// Moves over the comma to the next element; false, and past the bracket, when there is none.
  private mutating func advance(closing bracket: UInt8) throws(JSONError) -> Bool {
    skipWhiteSpace()
    guard let isFirst = isEmptySoFar.last else {
      preconditionFailure("nextKey and nextElement are for the object or array that was begun last")
    }
    if current == bracket {
      offset += 1
      isEmptySoFar.removeLast()
      return false
    }
    if isFirst {
      isEmptySoFar[isEmptySoFar.count - 1] = false
    } else {
      guard current == UInt8(ascii: ",") else {
        throw unexpected("a comma or '\(Character(Unicode.Scalar(bracket)))'")
      }
      offset += 1
      skipWhiteSpace()
    }
    return true
  }

  private mutating func readWord(_ word: String) throws(JSONError) {
    guard bytes[offset...].starts(with: word.utf8) else { throw unexpected("\"\(word)\"") }
    offset += word.utf8.count
  }

  /// Moves over a string, and checks all of it but that its bytes are UTF-8.
  private mutating func scanString() throws(JSONError) -> (content: Range<Int>, isEscaped: Bool) {
    skipWhiteSpace()
    guard current == UInt8(ascii: "\"") else { throw unexpected("a string") }
    let start = offset + 1
    var end = start
    var isEscaped = false
    while end < bytes.count {
      let byte = bytes[end]
      if byte == UInt8(ascii: "\"") {
        offset = end + 1
        return (start..<end, isEscaped)
      }
      if byte == UInt8(ascii: "\\") {
        isEscaped = true
        _ = try readEscape(&end)
        continue
      }
      guard byte >= 0x20 else {
        throw JSONError("a control character in a string must be escaped", offset: end)
      }
      end += 1
    }
    throw JSONError("the document ends inside a string", offset: bytes.count)
  }

  private func notUTF8(_ content: Range<Int>) -> JSONError {
    JSONError("a string is not valid UTF-8", offset: content.lowerBound)
  }

  /// The text of a string with escapes; nil where it is not UTF-8.
  private func unescaped(_ content: Range<Int>) throws(JSONError) -> String? {
    var utf8: [UInt8] = []
    var index = content.lowerBound
    while index < content.upperBound {
      if bytes[index] == UInt8(ascii: "\\") {
        utf8.append(contentsOf: String(try readEscape(&index)).utf8)
      } else {
        utf8.append(bytes[index])
        index += 1
      }
    }
    return String(validating: utf8, as: UTF8.self)
  }

  /// The character an escape stands for; `index` moves from its backslash to what follows.
  private func readEscape(_ index: inout Int) throws(JSONError) -> Unicode.Scalar {
    let start = index
    guard start + 1 < bytes.count else {
      throw JSONError("the document ends inside a string", offset: bytes.count)
    }
    index += 2
    switch bytes[start + 1] {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default: throw JSONError("there is no such escape", offset: start)
    }
    let unit = try readHexadecimal(&index)
    if let scalar = Unicode.Scalar(unit) { return scalar }
    // Half a surrogate pair: the other half must follow at once.
    guard unit < 0xDC00, index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"),
      bytes[index + 1] == UInt8(ascii: "u")
    else { throw JSONError("an escape is half a surrogate pair", offset: start) }
    index += 2
    let low = try readHexadecimal(&index)
    guard (0xDC00...0xDFFF).contains(low),
      let scalar = Unicode.Scalar(0x10000 + (UInt32(unit) - 0xD800) << 10 + (UInt32(low) - 0xDC00))
    else { throw JSONError("an escape is half a surrogate pair", offset: start) }
    return scalar
  }

  private func readHexadecimal(_ index: inout Int) throws(JSONError) -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard index < bytes.count, let digit = Self.hexadecimalDigit(bytes[index]) else {
        throw JSONError("four hexadecimal digits must follow \\u", offset: min(index, bytes.count))
      }
      value = value << 4 | digit
      index += 1
    }
    return value
  }

  private static func hexadecimalDigit(_ byte: UInt8) -> UInt16? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }
}
