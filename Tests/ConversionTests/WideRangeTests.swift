import Architectures
import Foundation
import Quantization
import Testing

@testable import Conversion

/// Families whose arithmetic leaves the range of F16 are never decoded to it.
@Suite struct WideRangeTests {
  private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/Families").path

  @Test(arguments: [
    ("GemmaForCausalLM-plain", "bf16"), ("Gemma2ForCausalLM-plain", "bf16"), ("Gemma3ForCausalLM-plain", "bf16"),
    ("Gemma3ForConditionalGeneration-plain", "bf16"), ("LlamaForCausalLM-plain", "f16"),
    ("Qwen3ForCausalLM-plain", "f16"),
  ])
  func whatIsDecodedHasATypeThatTheModelRunsIn(_ name: String, _ type: String) throws {
    let isWide = try #require(try Checkpoint(path: "\(Self.fixtures)/\(name)").model).needsWideRange
    for container in Container.all where !container.widensVectors {
      for isMatrix in [false, true] {
        #expect(container.elementCodec(for: nil, asMatrix: isMatrix, inWideRange: isWide).name == type, "\(container)")
      }
    }
    #expect(Container.gguf.elementCodec(for: nil, asMatrix: true, inWideRange: isWide).name == type)
    #expect(Container.gguf.elementCodec(for: nil, asMatrix: false, inWideRange: isWide).name == "f32")
  }
}
