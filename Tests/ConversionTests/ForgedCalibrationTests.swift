import Bytes
import Digests
import JSON
import Quantization
import TestSupport
import Testing

@testable import Conversion

/// Calibrations that say what cannot be, with digests that are right all the same.
@Suite struct ForgedCalibrationTests {
  private struct Tensor {
    let name: String
    let type: String
    let shape: [Int]
    var bytes: [UInt8] = []
  }

  private static func ones(_ count: Int) -> [UInt8] { [Float](repeating: 1, count: count).littleEndianBytes }

  private static func whole(_ numbers: [Int]) -> [UInt8] { numbers.flatMap { UInt64($0).littleEndianBytes } }

  private static let width = ["I64": 8, "F32": 4, "I32": 4, "BF16": 2, "U8": 1]

  private static let layer = [
    Tensor(name: "a.inputs", type: "F32", shape: [3], bytes: ones(3)),
    Tensor(name: "a.squares", type: "F32", shape: [2], bytes: ones(2)),
    Tensor(name: "a.tokens", type: "I64", shape: [2], bytes: whole([8, 0])),
    Tensor(name: "text.0", type: "U8", shape: [1], bytes: [65]),
  ]

  private static func settings(_ changed: [String: JSONValue] = [:]) -> JSONValue {
    let usual: [String: JSONValue] = [
      "model": "m", "context": 4, "fisher": false, "seed": 0, "version": "0",
      "texts": [["name": "t", "tokens": 8, "held_back_tokens": 4]],
    ]
    return .object(usual.merging(changed) { $1 })
  }

  private static func write(
    _ tensors: [Tensor], settings: JSONValue = settings(), told: JSONValue? = nil, to folder: TemporaryFolder
  ) throws -> String {
    let text = String(decoding: try settings.serialized(pretty: false), as: UTF8.self)
    let digests =
      [FastDigest(of: text).description]
      + tensors.sorted { $0.name < $1.name }.map { tensor in
        tensor.bytes.withBytes { FastDigest(of: $0) }.description
      }
    let table = Array(digests.joined().utf8)
    let all = tensors + [Tensor(name: "digests", type: "U8", shape: [table.count], bytes: table)]
    let shown = String(decoding: try (told ?? settings).serialized(pretty: false), as: UTF8.self)
    var header: [String: JSONValue] = ["__metadata__": ["decant.calibration": .string(shown)]]
    var bytes: [UInt8] = []
    for tensor in all.sorted(by: { width[$0.type] ?? 1 > width[$1.type] ?? 1 }) {
      header[tensor.name] = [
        "dtype": .string(tensor.type), "shape": .array(tensor.shape.map(JSONValue.integer)),
        "data_offsets": [.integer(bytes.count), .integer(bytes.count + tensor.bytes.count)],
      ]
      bytes += tensor.bytes
    }
    var start = Array(try JSONValue.object(header).serialized(pretty: false))
    start += Array(repeating: UInt8(ascii: " "), count: (8 - start.count % 8) % 8)
    return try folder.write(UInt64(start.count).littleEndianBytes + start + bytes, to: "forged")
  }

  /// Reads everything there is.
  private static func readAll(_ path: String) throws {
    let calibration = try CalibrationFile(path: path)
    _ = try calibration.heldBack()
    for number in calibration.settings.texts.indices { _ = try calibration.text(number) }
    _ = try calibration.layers
    _ = calibration.sampleTokens
    for key in calibration.keys { _ = try calibration.moments(of: key) }
  }

  @Test func whatIsTrueIsRead() throws {
    let folder = try TemporaryFolder()
    try Self.readAll(try Self.write(Self.layer, to: folder))
  }

  private struct Forged {
    let more: [Tensor]
    let settings: [String: JSONValue]
    let message: String

    init(_ message: String, settings: [String: JSONValue] = [:], _ more: Tensor...) {
      self.more = more
      self.settings = settings
      self.message = message
    }
  }

  private static let longText: JSONValue = ["name": "t", "tokens": .integer(Int.max), "held_back_tokens": 0]

  private static let forged = [
    Forged("does not say model, context", settings: ["context": 0]),
    Forged("does not say model, context", settings: ["context": .integer(1 << 40)]),
    Forged("does not say model, context", settings: ["texts": .array([longText])]),
    Forged("is no table of windows", Tensor(name: "text.0.held_back", type: "I32", shape: [1 << 40, 0])),
    Forged(
      "has tokens that are negative",
      Tensor(name: "text.0.held_back", type: "I32", shape: [1, 4], bytes: Array(repeating: 255, count: 16))),
    Forged("is no text in UTF-8", Tensor(name: "text.0", type: "U8", shape: [1], bytes: [0xFF])),
    Forged(
      "says more tokens than any text has",
      Tensor(name: "a.tokens", type: "I64", shape: [2], bytes: whole([1 << 41, 0]))),
    Forged(
      "is not four exponents", settings: ["mergeable": true],
      Tensor(name: "a.units", type: "I64", shape: [4], bytes: whole([257, 0, 0, 0])),
      Tensor(name: "a.weight_sum", type: "I64", shape: [1], bytes: whole([1])),
      Tensor(name: "a.inputs", type: "I64", shape: [3], bytes: whole([1, 0, 1])),
      Tensor(name: "a.squares", type: "I64", shape: [2], bytes: whole([1, 1]))),
  ]

  @Test(arguments: forged.indices) func whatCannotBeIsRefused(_ number: Int) throws {
    let forged = Self.forged[number]
    let (more, message) = (forged.more, forged.message)
    let folder = try TemporaryFolder()
    let names = Set(more.map(\.name))
    let path = try Self.write(
      Self.layer.filter { !names.contains($0.name) } + more, settings: Self.settings(forged.settings), to: folder)
    let error = #expect(throws: FileError.self) { try Self.readAll(path) }
    #expect(error?.description.contains(message) == true, "\(String(describing: error))")
  }

  /// Of shapes whose sizes cannot be multiplied nothing is made.
  @Test func shapesOfNothingAreSmall() throws {
    let folder = try TemporaryFolder()
    let path = try Self.write(
      Self.layer + [Tensor(name: "a.sample.inputs", type: "BF16", shape: [0, 1 << 40, 1 << 40])], to: folder)
    try? Self.readAll(path)
    let wide = try Self.write(
      Self.layer + [Tensor(name: "a.sample.inputs", type: "BF16", shape: [1 << 62, 0])], to: folder)
    #expect(try CalibrationFile(path: wide).sampleTokens == 0)
  }

  @Test func changedSettingsAreNoticed() throws {
    let folder = try TemporaryFolder()
    let path = try Self.write(
      Self.layer, told: Self.settings(["seed": 7]), to: folder)
    let error = #expect(throws: FileError.self) { try CalibrationFile(path: path) }
    #expect(error?.description.contains("has other settings than were written") == true)
  }
}
