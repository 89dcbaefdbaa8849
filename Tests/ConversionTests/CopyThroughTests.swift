import Bytes
import Conversion
import Foundation
import TestSupport
import Testing

/// Tensors of types that there is no codec for are copied as they are, and refused where they would have to be decoded.
@Suite struct CopyThroughTests {
  /// Every type that can only be copied. The rows of F4 and F6 need not be whole bytes.
  private static let tensors: [RawTensor] = [
    ("BOOL", [3, 5], 15), ("F4", [2, 3], 3), ("F6_E2M3", [4, 3], 9), ("F6_E3M2", [2, 2], 3), ("F8_E8M0", [7], 7),
    ("F8_E4M3FNUZ", [5], 5), ("F8_E5M2FNUZ", [5], 5), ("C64", [2, 2], 32),
  ].map { type, shape, count in
    RawTensor("t." + type, type: type, shape: shape, bytes: (0..<count).map { UInt8($0 * 37 % 251) })
  }

  private static func write(_ bench: Workbench) throws -> String {
    let path = bench.path("in.safetensors")
    try Data(RawSafetensors.bytes(of: tensors)).write(to: URL(fileURLWithPath: path))
    return path
  }

  @Test func bytesAreKept() async throws {
    let bench = try Workbench()
    let copied = try await bench.convert(try Self.write(bench), to: "out.safetensors", Recipe(.keep))
    let found = try Workbench.tensors(at: copied)
    #expect(found.count == Self.tensors.count)
    for tensor in Self.tensors {
      #expect(found[tensor.name]?.bytes == tensor.bytes, "\(tensor.name)")
      #expect(found[tensor.name]?.type == tensor.type, "\(tensor.name)")
    }
  }

  @Test func anotherTypeIsRefused() async throws {
    let bench = try Workbench()
    let model = try Checkpoint(path: try Self.write(bench))
    let recipe = Recipe(.elements(try TargetType.quantizing("bf16")))
    let error = #expect(throws: FileError.self) {
      try Plan(converting: model, to: Destination(path: bench.path("out.safetensors")), recipe: recipe)
    }
    #expect(error?.code == .unsupported)
    #expect(error?.message.contains("cannot be decoded yet") == true)
  }
}
