import JSON
import TestSupport
import Testing

struct JSONReaderTests {
  @Test("What is no JSON is refused, and where", arguments: [
    ("", 0), (" ", 1), ("{", 1), ("[", 1), ("}", 0), ("[1,]", 3), ("[,1]", 1), ("[1 2]", 3), ("{\"a\"}", 4), ("{\"a\":}", 5),
    ("{\"a\":1,}", 7), ("{a:1}", 1), ("{1:1}", 1), ("[1]]", 3), ("1 2", 2), ("01", 0), ("-", 0), ("+1", 0), (".5", 0),
    ("1.", 2), ("1e", 2), ("1e+", 3), ("0x10", 1), ("1e999", 0), ("NaN", 0), ("Infinity", 0), ("-Infinity", 0),
    ("nul", 0), ("True", 0), ("truex", 4), ("\"", 1), ("\"\\", 2), ("\"\\u12\"", 5), ("\"\\ud800\"", 1), ("\"\\ud800\\u0041\"", 1),
    ("\"\\udc00\"", 1), ("\"\\x\"", 1), ("\"\t\"", 1), ("\"a\\n\t\"", 4), ("'a'", 0), ("/**/1", 0), ("\u{FEFF}1", 0), ("1\0", 1),
    ("[1}", 2), ("{\"a\":1]", 6), ("{\"a\" 1}", 5),
  ])
  func refused(text: String, offset: Int) throws {
    let error = try #require(throws: JSONError.self) { _ = try JSONValue(parsing: text.utf8) }
    #expect(error.offset == offset, "\(error)")
  }

  @Test("Bytes that are not UTF-8 are refused", arguments: [
    [0x22, 0xFF, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22],
    [0x22, 0x5C, 0x6E, 0xFF, 0x22], [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22],
  ] as [[UInt8]])
  func notUTF8(bytes: [UInt8]) {
    #expect(throws: JSONError.self) { _ = try JSONValue(parsing: bytes) }
  }

  @Test("Values", arguments: [
    ("null", JSONValue.null), ("true", true), (" false\n", false), ("0", 0), ("-0", .number(-0.0)), ("-12", -12),
    ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
    ("9223372036854775808", .number(9_223_372_036_854_775_808)), ("1000000000000000019884624838656", .number(1e30)),
    ("1.5e-3", 0.0015), ("1E2", .number(100)), ("2.0", .number(2)), ("\"\"", ""), ("[]", []), ("{}", [:]),
    ("\"\\u00e9\\ud83d\\uDC0D\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "é🐍\"\\/\u{8}\u{C}\n\r\t"), ("\"\\u0000\"", "\0"),
    ("[1,[2,{\"a\":[]}]]", [1, [2, ["a": []]]]), ("{\"a\":1,\"a\":2}", ["a": 2]),
  ] as [(String, JSONValue)])
  func values(text: String, value: JSONValue) throws {
    #expect(try JSONValue(parsing: text.utf8) == value)
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

  @Test("Writing and reading gives the same", arguments: [true, false])
  func roundTrip(pretty: Bool) throws {
    let value: JSONValue = [
      "a": [1, -2.5, nil, true, [], [:]], "é\u{7F}\u{1}\"\\/🐍": "\n", "big": .number(1e300), "low": .integer(.min),
    ]
    #expect(try JSONValue(parsing: value.serialized(pretty: pretty)) == value)
    #expect(throws: JSONError.self) { _ = try JSONValue.number(.nan).serialized() }
    #expect(throws: JSONError.self) { _ = try JSONValue.array([.number(.infinity)]).serialized() }
  }

  @Test func prettyIsAsPythonPrintsIt() throws {
    // json.dumps(value, indent=2, sort_keys=True)
    let value: JSONValue = ["b": [1, 1e-05, "é🐍\u{7F}/"], "a": [:], "B": [], "a1": ["x": nil], "a10": true, "a2": 1.0]
    let expected = #"""
      {
        "B": [],
        "a": {},
        "a1": {
          "x": null
        },
        "a10": true,
        "a2": 1.0,
        "b": [
          1,
          1e-05,
          "\u00e9\ud83d\udc0d\u007f/"
        ]
      }

      """#
    #expect(String(decoding: try value.serialized(), as: UTF8.self) == expected)
    #expect(
      String(decoding: try value.serialized(pretty: false), as: UTF8.self)
        == "{\"B\":[],\"a\":{},\"a1\":{\"x\":null},\"a10\":true,\"a2\":1.0,\"b\":[1,1e-05,\"é🐍\u{7F}/\"]}")
  }

  @Test func parts() throws {
    let value: JSONValue = ["i": 4096, "f": 4096.0, "h": 1.5, "s": "x", "n": nil, "b": true]
    #expect(value["i"]?.int == 4096)
    #expect(value["f"]?.int == 4096)
    #expect(value["h"]?.int == nil)
    #expect(value["i"]?.double == 4096)
    #expect(value["s"]?.string == "x")
    #expect(value["b"]?.bool == true)
    #expect(value["n"]?.isNull == true)
    #expect(value["none"] == nil)
    #expect(value["s"]?["x"] == nil)
  }

  @Test("Random changes are refused or read, and nothing traps")
  func mutation() throws {
    let whole = Array(#"{"a":[1,-2.5e3,"\u00e9\ud83d\udc0d"],"b":{"c":null,"d":true,"e":"é"},"f":9223372036854775807}"#.utf8)
    var generator = SeededGenerator()
    for _ in 0..<5000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes[place] = .random(in: .min ... .max, using: &generator)
        case 1: bytes.removeSubrange(place..<min(bytes.count, place + 3))
        default: bytes.insert(contentsOf: bytes[place...].prefix(5), at: place)
        }
        if bytes.isEmpty { bytes = [0x5B] }
      }
      do throws(JSONError) {
        let value = try JSONValue(parsing: bytes)
        let again = try JSONValue(parsing: value.serialized())
        #expect(again == value, "seed \(generator.seed)")
      } catch {
        #expect(error.offset.map { (0...bytes.count).contains($0) } == true, "seed \(generator.seed): \(error)")
      }
    }
  }
}
