import JSON
import TestSupport
import Testing

struct JSONReaderTests {
  @Test(
    "What is not JSON is refused, and where",
    arguments: [
      ("", 0), (" ", 1), ("{", 1), ("[", 1), ("}", 0), ("[1,]", 3), ("[,1]", 1), ("[1 2]", 3), ("{\"a\"}", 4),
      ("{\"a\":}", 5),
      ("{\"a\":1,}", 7), ("{a:1}", 1), ("{1:1}", 1), ("[1]]", 3), ("1 2", 2), ("01", 0), ("-", 0), ("+1", 0), (".5", 0),
      ("1.", 2), ("1e", 2), ("1e+", 3), ("0x10", 1), ("1e999", 0), ("NaN", 0), ("Infinity", 0), ("-Infinity", 0),
      ("nul", 0), ("True", 0), ("truex", 4), ("\"", 1), ("\"\\", 2), ("\"\\u12\"", 5), ("\"\\ud800\"", 1),
      ("\"\\ud800\\u0041\"", 1),
      ("\"\\udc00\"", 1), ("\"\\x\"", 1), ("\"\t\"", 1), ("\"a\\n\t\"", 4), ("'a'", 0), ("/**/1", 0), ("\u{FEFF}1", 0),
      ("1\0", 1),
      ("[1}", 2), ("{\"a\":1]", 6), ("{\"a\" 1}", 5),
    ])
  func refused(text: String, offset: Int) throws {
    let error = try #require(throws: JSONError.self) { _ = try JSONValue(parsing: text.utf8) }
    #expect(error.offset == offset, "\(error)")
    #expect(throws: error) {
      var reader = JSONReader(Array(text.utf8))
      try reader.skipValue()
      try reader.finish()
    }
  }

  @Test(
    "Bytes that are not UTF-8 are refused",
    arguments: [
      [0x22, 0xFF, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22],
      [0x22, 0x5C, 0x6E, 0xFF, 0x22], [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22],
    ] as [[UInt8]])
  func notUTF8(bytes: [UInt8]) {
    #expect(throws: JSONError.self) { _ = try JSONValue(parsing: bytes) }
    #expect(throws: JSONError("a string is not valid UTF-8", offset: 1)) {
      var reader = JSONReader(bytes)
      try reader.skipValue()
    }
  }

  @Test func depthIsLimited() throws {
    for depth in [1, 128, 129, 100_000] {
      let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
      if depth <= 128 {
        _ = try JSONValue(parsing: text.utf8)
      } else {
        let error = try #require(throws: JSONError.self) { _ = try JSONValue(parsing: text.utf8) }
        #expect(error.offset == 128)
      }
    }
  }

  @Test func membersComeInOrderAndTwice() throws {
    var reader = JSONReader(Array(#" {"b": 1, "a": "x", "b": [true, null], "c": {"d": {}}} "#.utf8))
    try reader.beginObject()
    var keys: [String] = []
    while let key = try reader.nextKey() {
      keys.append(key)
      try reader.skipValue()
    }
    try reader.finish()
    #expect(keys == ["b", "a", "b", "c"])
  }

  @Test func keysAreBytes() throws {
    var reader = JSONReader(Array("{\"\u{E9}\": 0, \"e\u{301}\": 1, \"\\u00e9\": 2}".utf8))
    try reader.beginObject()
    var keys: [[UInt8]] = []
    while let key = try reader.nextKey() {
      keys.append(Array(key.utf8))
      #expect(try reader.readInteger() == keys.count - 1)
    }
    #expect(keys == [[0xC3, 0xA9], [0x65, 0xCC, 0x81], [0xC3, 0xA9]])
  }

  @Test func aValueThatWasPassedOverIsReadLater() throws {
    let bytes = Array(#" {"a": [1, "\u00e9\"", {"b": [[]]}] , "c": 2} "#.utf8)
    var reader = JSONReader(bytes)
    try reader.beginObject()
    #expect(try reader.nextKey() == "a")
    #expect(try reader.peek() == .array)
    let place = reader.offset
    try reader.skipValue()
    #expect(bytes[reader.offset - 1] == UInt8(ascii: "]"))
    #expect(try reader.nextKey() == "c")
    #expect(try JSONValue(&reader) == 2)
    #expect(try reader.nextKey() == nil)
    try reader.finish()

    var later = JSONReader(bytes, at: place)
    #expect(try JSONValue(&later) == [1, "\u{E9}\"", ["b": [[]]]])
    let error = #expect(throws: JSONError.self) { try later.finish() }
    #expect(error?.offset == later.offset)
  }

  @Test func depthIsCountedFromWhereReadingBegins() throws {
    let bytes = Array("[[[1]]]".utf8)
    var reader = JSONReader(bytes, maximumDepth: 2)
    let error = #expect(throws: JSONError.self) { try reader.skipValue() }
    #expect(error?.offset == 2)
    var inner = JSONReader(bytes, at: 1, maximumDepth: 2)
    try inner.skipValue()
    #expect(inner.depth == 0)
    #expect(inner.offset == 6)
  }

  @Test func numbersKeepHowTheyWereWritten() throws {
    var reader = JSONReader(Array("[1, 1.0, 1e0, -0, 9223372036854775808]".utf8))
    var numbers: [JSONReader.Number] = []
    try reader.beginArray()
    while try reader.nextElement() { numbers.append(try reader.readNumber()) }
    #expect(
      numbers == [.integer(1), .floating(1), .floating(1), .floating(-0.0), .floating(9_223_372_036_854_775_808)])
    var other = JSONReader(Array("1.5".utf8))
    #expect(throws: JSONError.self) { _ = try other.readInteger() }
  }
}
