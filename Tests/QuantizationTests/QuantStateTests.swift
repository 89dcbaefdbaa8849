import Quantization
import TestSupport
import Testing

@Suite struct QuantStateTests {
  @Test(arguments: [BlockwiseCode.nf4, .fp4], ["plain", "nested"])
  func asBitsandbytesWrites(code: BlockwiseCode, kind: String) throws {
    let file = try GoldenFile(path: Golden.folder + "bitsandbytes.safetensors")
    for input in ["odd_3x2829", "special"] {
      let golden = try file.bytes("state/\(code.name)/\(input)/\(kind)")
      let state = try QuantState(parsing: golden, code: code)
      #expect(state.shape == (input == "special" ? [29, 64] : [3, 2829]))
      #expect(state.blockSize == 64)
      #expect(state.elementType == "float32")
      let offset = try file.floats("\(code.name)/\(input)/bs64/offset")[0]
      #expect(state.nestedOffset == (kind == "nested" ? offset : nil))
      let written = state.serialized()
      #expect(written.starts(with: golden))
      #expect(written.dropFirst(golden.count).allSatisfy { $0 == UInt8(ascii: " ") })
      #expect(written.count == state.byteCount)
      #expect(kind == "nested" || written.count == golden.count)
      #expect(try QuantState(parsing: written, code: code) == state)
    }
  }

  @Test func lengthDoesNotDependOnTheOffset() throws {
    let offsets: [Float] = [
      0, 1, 0.1, 0.05, 1e-7, 1.2345678e-5, .leastNonzeroMagnitude, .leastNormalMagnitude, 123_456.79, 3.4e38, -0.0123,
    ]
    let lengths = try offsets.map {
      let state = try QuantState(code: .int4, blockSize: 128, elementType: "bfloat16", shape: [2, 3], nestedOffset: $0)
      #expect(try QuantState(parsing: state.serialized(), code: .int4) == state)
      return state.serialized().count
    }
    #expect(Set(lengths).count == 1)
  }

  @Test func names() throws {
    #expect(QuantState.key(of: .nf4) == "quant_state.bitsandbytes__nf4")
    #expect(QuantState.key(of: .int4) == "quant_state.decant__int4")
    let found = try #require(QuantState.recognize("model.q_proj.weight.quant_state.bitsandbytes__fp4"))
    #expect(found.weight == "model.q_proj.weight")
    #expect(found.code == .fp4)
    #expect(QuantState.recognize("model.q_proj.weight") == nil)
    #expect(QuantState.recognize("w.quant_state.decant__nf4") == nil)
  }

  @Test func sizes() throws {
    let state = try QuantState(code: .nf4, blockSize: 64, elementType: "bfloat16", shape: [5, 13], nestedOffset: 0.5)
    try state.check(codeBytes: 33, absmaxCount: 2, nestedAbsmaxCount: 1)
    #expect(throws: QuantStateError.self) { try state.check(codeBytes: 32, absmaxCount: 2, nestedAbsmaxCount: 1) }
    #expect(throws: QuantStateError.self) { try state.check(codeBytes: 33, absmaxCount: 1, nestedAbsmaxCount: 1) }
    #expect(throws: QuantStateError.self) { try state.check(codeBytes: 33, absmaxCount: 2, nestedAbsmaxCount: nil) }
    let huge = try QuantState(
      code: .nf4, blockSize: 64, elementType: "bfloat16", shape: [1 << 29, 1 << 30], nestedOffset: nil)
    #expect(huge.codeByteCount == 1 << 58)
  }

  static let plain = #"{"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [4, 64]"#
  static let nested = #", "nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.5"#

  @Test(arguments: [plain + "}", plain + nested + "}", plain + "}   ", plain + nested + "}\n"])
  func accepted(text: String) throws {
    #expect(try QuantState(parsing: Array(text.utf8), code: .nf4).elementCount == 256)
  }

  @Test(arguments: [
    "", "null", "[]", "{", plain, plain + "} x",
    plain + #", "surprise": 1}"#,
    plain.replacing("nf4", with: "fp4") + "}",
    plain.replacing("64,", with: "48,") + "}",
    plain.replacing("64,", with: "0,") + "}",
    plain.replacing("64,", with: "-64,") + "}",
    plain.replacing("64,", with: "64.5,") + "}",
    plain.replacing("64,", with: #""64","#) + "}",
    plain.replacing("bfloat16", with: "__class__") + "}",
    plain.replacing("[4, 64]", with: "null") + "}",
    plain.replacing("[4, 64]", with: "[4, -64]") + "}",
    plain.replacing("[4, 64]", with: "[4, null]") + "}",
    plain.replacing("[4, 64]", with: "[4294967296, 4294967296]") + "}",
    plain.replacing("[4, 64]", with: "[9223372036854775807]") + "}",
    plain + #", "nested_offset": 0.5}"#,
    plain + nested.replacing("256", with: "128") + "}",
    plain + nested.replacing("float32", with: "float16") + "}",
    plain + nested.replacing("0.5", with: "1e39") + "}",
    plain + nested.replacing("0.5", with: "NaN") + "}",
    plain + nested.replacing("0.5", with: "null") + "}",
  ])
  func refused(text: String) {
    #expect(throws: QuantStateError.self) { try QuantState(parsing: Array(text.utf8), code: .nf4) }
  }

  /// Pairs as Python 3 prints them.
  @Test(arguments: [
    (0.0, "0.0"), (-0.0, "-0.0"), (1, "1.0"), (100, "100.0"), (0.1, "0.1"),
    (0.08639049530029297, "0.08639049530029297"),
    (-12.5, "-12.5"), (0.0001, "0.0001"), (0.00001, "1e-05"), (1.2345e-5, "1.2345e-05"), (9.9e-5, "9.9e-05"),
    (123456789012345680, "1.2345678901234568e+17"), (1e15, "1000000000000000.0"), (1e16, "1e+16"),
    (12345678901234568, "1.2345678901234568e+16"), (9007199254740992, "9007199254740992.0"),
    (.leastNonzeroMagnitude, "5e-324"),
    (-1.7976931348623157e308, "-1.7976931348623157e+308"), (1.5e300, "1.5e+300"), (2.5e-10, "2.5e-10"),
    (0.00010000000474974513, "0.00010000000474974513"),
  ])
  func numbers(value: Double, text: String) {
    #expect(PythonNumber.text(of: value) == text)
    #expect(text.count <= PythonNumber.longestText)
  }
}
