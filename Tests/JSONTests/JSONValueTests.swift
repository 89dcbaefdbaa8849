import JSON
import TestSupport
import Testing

struct JSONValueTests {
  @Test(
    "Values",
    arguments: [
      ("null", JSONValue.null), ("true", true), (" false\n", false), ("0", 0), ("-0", .number(-0.0)), ("-12", -12),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("9223372036854775808", .number(9_223_372_036_854_775_808)), ("1000000000000000019884624838656", .number(1e30)),
      ("1.5e-3", 0.0015), ("1E2", .number(100)), ("2.0", .number(2)), ("{\"a\":1,\"a\":2}", ["a": 2]), ("\"\"", ""),
      ("[]", []), ("{}", [:]),
      ("\"\\u00e9\\ud83d\\uDC0D\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "é🐍\"\\/\u{8}\u{C}\n\r\t"), ("\"\\u0000\"", "\0"),
      ("[1,[2,{\"a\":[]}]]", [1, [2, ["a": []]]]),
    ] as [(String, JSONValue)])
  func values(text: String, value: JSONValue) throws {
    #expect(try JSONValue(parsing: text.utf8) == value)
  }

  @Test(
    "Other encodings than UTF-8 are refused",
    arguments: [
      Array("\u{FEFF}1".utf8), [0x31, 0], [0, 0x31], [0xFE, 0xFF, 0, 0x31], [0xFF, 0xFE, 0x31, 0], [0x31, 0, 0, 0],
    ] as [[UInt8]])
  func encodings(bytes: [UInt8]) {
    #expect(throws: JSONError.self) { _ = try JSONValue(parsing: bytes) }
  }

  @Test(
    "Every double is written so that reading gives the same",
    arguments: [
      1e-05, 0.1, 1e300, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -2.5, 123_456_789_012.5, 1e16, 4096, 1e19,
    ])
  func doubles(value: Double) throws {
    let text = String(decoding: try JSONValue.number(value).serialized(pretty: false), as: UTF8.self)
    #expect(Double(text) == value, "\(text)")
    #expect(try JSONValue(parsing: text.utf8).double == value, "\(text)")
  }

  @Test func layoutLeavesStringsAlone() throws {
    let strings = ["[", "{\"a\": [1, 2]}", "\\", "\\\\", "\"", "\\\"", "a\\", ",:", "", "]", "\n"]
    let value: JSONValue = ["strings": .array(strings.map(JSONValue.string)), "[{": [:], "\\\",": [[], [[]], [[:]]]]
    #expect(try JSONValue(parsing: value.serialized()) == value)
    #expect(
      String(decoding: try JSONValue.array([["[,", "\\"], "]"]).serialized(), as: UTF8.self) == """
        [
          [
            "[,",
            "\\\\"
          ],
          "]"
        ]

        """)
    #expect(String(decoding: try JSONValue.string("x").serialized(), as: UTF8.self) == "\"x\"\n")
    #expect(String(decoding: try JSONValue.array([]).serialized(), as: UTF8.self) == "[]\n")
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

  @Test func prettyIsLaidOutAsPythonDoesIt() throws {
    // json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
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
          "é🐍\#u{7F}/"
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
    let whole = Array(
      #"{"a":[1,-2.5e3,"\u00e9\ud83d\udc0d"],"b":{"c":null,"d":true,"e":"é"},"f":9223372036854775807}"#.utf8)
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
