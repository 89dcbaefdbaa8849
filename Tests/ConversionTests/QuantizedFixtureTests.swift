import Bytes
import Conversion
import Tensors
import TestSupport
import Testing

private let fixtures = Fixtures(of: "Safetensors")

/// Weights that are spelled as several tensors: each wrong one gives its own error.
@Suite struct QuantizedFixtureTests {
  @Test(arguments: expectations)
  func isRefused(_ expected: RefusedFixture) throws {
    let path = fixtures.path("quantized/hostile/\(expected.name).safetensors")
    let error = try #require(throws: FileError.self) { try Checkpoint(path: path) }
    #expect(error.path == path)
    #expect(error.code == expected.code, "\(error)")
    #expect(error.subject == expected.subject, "\(error)")
    #expect(error.message.contains(expected.message), "\(error)")
    // A part that is alone breaks the rule of all layouts.
    let isAlone = error.message.contains("that it belongs to")
    let rule = isAlone ? "ST-Q21" : expected.name.split(separator: "-").prefix(2).joined(separator: "-")
    #expect(error.rule == (error.code == .unsupported ? nil : rule), "\(error)")
  }

  @Test func everyFileIsExpected() {
    #expect(
      Self.expectations.map { $0.name + ".safetensors" }.sorted() == fixtures.names(in: "quantized/hostile"))
  }

  @Test(arguments: fixtures.names(in: "quantized/valid"))
  func aRightOneIsRead(name: String) throws {
    let checkpoint = try Checkpoint(path: fixtures.path("quantized/valid/" + name))
    let weight = try #require(checkpoint.weights.first)
    #expect(checkpoint.weights.count == 1)
    #expect(try weight.values().allSatisfy { $0 == 0 })
  }

  private static let expectations: [RefusedFixture] = [
    RefusedFixture(
      "ST-Q1-absmax-without-state", .missing, "w.absmax",
      "is a part of a bitsandbytes weight, but there is no quantization state that it belongs to"),
    RefusedFixture(
      "ST-Q1-nested-absmax-without-state", .missing, "w.nested_absmax",
      "is a part of a bitsandbytes weight, but there is no quantization state that it belongs to"),
    RefusedFixture(
      "ST-Q1-state-int4", .unsupported, "w.quant_state.bitsandbytes__int4", "is the state of a code that is not known"),
    RefusedFixture("ST-Q1-two-states", .malformed, "w", "has more than one quantization state"),
    RefusedFixture("ST-Q2-absmax-long", .mismatch, "w", "shape [4, 64] has 4 blocks, but there are 5 absmax values"),
    RefusedFixture(
      "ST-Q2-absmax-missing", .missing, "w.absmax", "is not there, though w.quant_state.bitsandbytes__nf4 announces it"),
    RefusedFixture("ST-Q2-absmax-short", .mismatch, "w", "shape [4, 64] has 4 blocks, but there are 3 absmax values"),
    RefusedFixture("ST-Q2-absmax-u8", .mismatch, "w.absmax", "has element type u8, but f32 is expected"),
    RefusedFixture(
      "ST-Q2-blocksize-0", .malformed, "w.quant_state.bitsandbytes__nf4",
      "block size 0 is none of [32, 64, 128, 256, 512, 1024, 2048, 4096]"),
    RefusedFixture("ST-Q2-blocksize-128", .mismatch, "w", "shape [4, 64] has 2 blocks, but there are 4 absmax values"),
    RefusedFixture(
      "ST-Q2-blocksize-2pow62", .malformed, "w.quant_state.bitsandbytes__nf4",
      "block size 4611686018427387904 is none of [32, 64, 128, 256, 512, 1024, 2048, 4096]"),
    RefusedFixture(
      "ST-Q2-blocksize-48", .malformed, "w.quant_state.bitsandbytes__nf4",
      "block size 48 is none of [32, 64, 128, 256, 512, 1024, 2048, 4096]"),
    RefusedFixture(
      "ST-Q2-blocksize-negative", .malformed, "w.quant_state.bitsandbytes__nf4",
      "block size -64 is none of [32, 64, 128, 256, 512, 1024, 2048, 4096]"),
    RefusedFixture(
      "ST-Q2-codes-missing", .missing, "w", "is not there, though w.quant_state.bitsandbytes__nf4 announces it"),
    RefusedFixture("ST-Q2-codes-short", .mismatch, "w", "shape [4, 64] takes 128 bytes of codes, but there are 127"),
    RefusedFixture(
      "ST-Q2-dtype-unknown", .malformed, "w.quant_state.bitsandbytes__nf4",
      "element type \"os.system\" is none of [\"float32\", \"float16\", \"bfloat16\"]"),
    RefusedFixture(
      "ST-Q2-int8-format-1", .unsupported, "l.weight_format",
      "the rows are stored in an order for one kind of GPU; only format 0, plain rows, is read"),
    RefusedFixture(
      "ST-Q2-int8-scales-f16", .mismatch, "l.SCB", "should hold one f32 for each of the 4 rows of l.weight"),
    RefusedFixture(
      "ST-Q2-int8-scales-short", .mismatch, "l.SCB", "should hold one f32 for each of the 4 rows of l.weight"),
    RefusedFixture(
      "ST-Q2-int8-scales-without-codes", .missing, "l.SCB",
      "is a part of a bitsandbytes weight, but there is no weight of type i8 that it belongs to"),
    RefusedFixture(
      "ST-Q2-map-missing", .missing, "w.quant_map", "is not there, though w.quant_state.bitsandbytes__nf4 announces it"),
    RefusedFixture("ST-Q2-nested-absmax-f32-codes", .mismatch, "w.absmax", "has element type f32, but u8 is expected"),
    RefusedFixture("ST-Q2-nested-absmax-long", .mismatch, "w", "1 nested absmax values are expected, but there are 2"),
    RefusedFixture(
      "ST-Q2-nested-absmax-missing", .missing, "w.nested_absmax",
      "is not there, though w.quant_state.bitsandbytes__nf4 announces it"),
    RefusedFixture(
      "ST-Q2-nested-blocksize-0", .malformed, "w.quant_state.bitsandbytes__nf4", "\"nested_blocksize\" is not 256"),
    RefusedFixture(
      "ST-Q2-nested-dtype", .malformed, "w.quant_state.bitsandbytes__nf4", "\"nested_dtype\" is not \"float32\""),
    RefusedFixture(
      "ST-Q2-nested-map-missing", .missing, "w.nested_quant_map",
      "is not there, though w.quant_state.bitsandbytes__nf4 announces it"),
    RefusedFixture(
      "ST-Q2-nested-offset-1e999", .malformed, "w.quant_state.bitsandbytes__nf4",
      "is not JSON: a number is too large (byte 132 of the JSON)"),
    RefusedFixture(
      "ST-Q2-nested-offset-beyond-float", .malformed, "w.quant_state.bitsandbytes__nf4",
      "the nested offset is not finite"),
    RefusedFixture(
      "ST-Q2-nested-offset-missing", .malformed, "w.quant_state.bitsandbytes__nf4", "has no \"nested_offset\""),
    RefusedFixture(
      "ST-Q2-shape-fraction", .malformed, "w.quant_state.bitsandbytes__nf4", "\"shape\" is not a list of whole numbers"),
    RefusedFixture(
      "ST-Q2-shape-larger", .mismatch, "w",
      "shape [1048576, 1048576] takes 549755813888 bytes of codes, but there are 128"),
    RefusedFixture("ST-Q2-shape-missing", .malformed, "w.quant_state.bitsandbytes__nf4", "has no \"shape\""),
    RefusedFixture(
      "ST-Q2-shape-negative", .malformed, "w.quant_state.bitsandbytes__nf4", "shape [-4, -64] is not that of a tensor"),
    RefusedFixture("ST-Q2-shape-smaller", .mismatch, "w", "shape [4, 32] takes 64 bytes of codes, but there are 128"),
    RefusedFixture("ST-Q2-shape-string", .malformed, "w.quant_state.bitsandbytes__nf4", "has no \"shape\""),
    RefusedFixture(
      "ST-Q2-shape-wraps", .malformed, "w.quant_state.bitsandbytes__nf4",
      "shape [4294967296, 4294967296] is not that of a tensor"),
    RefusedFixture("ST-Q2-state-65537-bytes", .malformed, "w.quant_state.bitsandbytes__nf4", "is longer than 64 KiB"),
    RefusedFixture(
      "ST-Q2-state-deep", .malformed, "w.quant_state.bitsandbytes__nf4",
      "is not JSON: more than 128 arrays and objects are nested (byte 137 of the JSON)"),
    RefusedFixture(
      "ST-Q2-state-empty", .malformed, "w.quant_state.bitsandbytes__nf4",
      "is not JSON: a value is wanted, but the document ends (byte 0 of the JSON)"),
    RefusedFixture("ST-Q2-state-list", .malformed, "w.quant_state.bitsandbytes__nf4", "is not a JSON object"),
    RefusedFixture(
      "ST-Q2-state-not-json", .malformed, "w.quant_state.bitsandbytes__nf4",
      "is not JSON: a key is wanted, but the document ends (byte 1 of the JSON)"),
    RefusedFixture(
      "ST-Q2-state-unknown-key", .malformed, "w.quant_state.bitsandbytes__nf4", "has the unknown key \"surprise\""),
    RefusedFixture(
      "ST-Q2-type-differs", .malformed, "w.quant_state.bitsandbytes__nf4",
      "\"quant_type\" is not \"nf4\", as the tensor's name says"),
    RefusedFixture("ST-Q3-15-values", .mismatch, "w.quant_map", "has 15 values of f32, but 16 of f32 are expected"),
    RefusedFixture("ST-Q3-map-f16", .mismatch, "w.quant_map", "has 16 values of f16, but 16 of f32 are expected"),
    RefusedFixture("ST-Q3-map-nan", .malformed, "w.quant_map", "holds values that are not finite"),
    RefusedFixture("ST-Q3-nested-absmax-infinite", .malformed, "w.nested_absmax", "holds values that are not finite"),
    RefusedFixture(
      "ST-Q3-nested-map-255-values", .mismatch, "w.nested_quant_map",
      "has 255 values of f32, but 256 of f32 are expected"),
    RefusedFixture("ST-Q3-nested-map-nan", .malformed, "w.nested_quant_map", "holds values that are not finite"),
    RefusedFixture("ST-Q3-other-values", .unsupported, "w.quant_map", "holds other values than those of nf4"),
    RefusedFixture(
      "ST-Q7-blocks-flat", .mismatch, "mlp.experts.down_proj_blocks", "has shape [6, 32], but experts in MXFP4 are"),
    RefusedFixture(
      "ST-Q7-blocks-missing", .missing, "mlp.experts.down_proj_scales", "there is no tensor _blocks that it belongs to"),
    RefusedFixture("ST-Q7-blocks-of-15", .mismatch, "mlp.experts.down_proj_blocks", "has shape [2, 3, 2, 15]"),
    RefusedFixture(
      "ST-Q7-scales-f32", .mismatch, "mlp.experts.down_proj_scales",
      "needs [2, 3, 2] of u8, one exponent for each block"),
    RefusedFixture(
      "ST-Q7-scales-missing", .missing, "mlp.experts.down_proj_scales",
      "is not there, though mlp.experts.down_proj_blocks is"),
    RefusedFixture(
      "ST-Q7-scales-of-one-expert", .mismatch, "mlp.experts.down_proj_scales", "has shape [1, 3, 2] of u8"),
  ]
}
