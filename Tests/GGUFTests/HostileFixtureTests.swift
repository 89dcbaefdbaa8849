import Bytes
import TestSupport
import Testing

@testable import GGUF

/// Every hostile fixture gives the error of the rule it is named for, at the expected place.
@Suite struct HostileFixtureTests {
  static let expectations: [RefusedFixture] = [
    RefusedFixture("GGUF-1-empty-magic.gguf", .malformed, at: 0),
    RefusedFixture("GGUF-1-ggjt.gguf", .unsupported, at: 0),
    RefusedFixture("GGUF-1-lower-case.gguf", .malformed, at: 0),
    RefusedFixture("GGUF-1-reversed.gguf", .unsupported, at: 0),
    RefusedFixture("GGUF-1-safetensors.gguf", .malformed, at: 0),
    RefusedFixture("GGUF-10-bool-2.gguf", .malformed, "x", at: 37),
    RefusedFixture("GGUF-10-bool-255-in-array.gguf", .malformed, "x", at: 51),
    RefusedFixture("GGUF-11-array-of-strings-past-end.gguf", .truncated, "x", at: 60),
    RefusedFixture("GGUF-11-key-length-2pow63.gguf", .truncated, at: 24),
    RefusedFixture("GGUF-11-key-length-past-end.gguf", .truncated, at: 24),
    RefusedFixture("GGUF-11-string-2pow62.gguf", .truncated, "x", at: 37),
    RefusedFixture("GGUF-11-string-length-wraps.gguf", .truncated, "x", at: 37),
    RefusedFixture("GGUF-11-string-past-end.gguf", .truncated, "x", at: 37),
    RefusedFixture("GGUF-11-tensor-name-past-end.gguf", .truncated, at: 24),
    RefusedFixture("GGUF-12-count-2pow63.gguf", .truncated, "x", at: 41),
    RefusedFixture("GGUF-12-count-of-strings.gguf", .truncated, "x", at: 41),
    RefusedFixture("GGUF-12-count-wraps.gguf", .truncated, "x", at: 41),
    RefusedFixture("GGUF-12-nested-count-2pow63.gguf", .truncated, "x", at: 53),
    RefusedFixture("GGUF-12-nested-five-deep.gguf", .unsupported, "x", at: 85),
    RefusedFixture("GGUF-12-nested-thousandfold.gguf", .unsupported, "x", at: 85),
    RefusedFixture("GGUF-12-truncated.gguf", .truncated, "x", at: 41),
    RefusedFixture("GGUF-13-alignment-i32.gguf", .malformed, "general.alignment", at: 49),
    RefusedFixture("GGUF-13-alignment-u64.gguf", .malformed, "general.alignment", at: 49),
    RefusedFixture("GGUF-13-architecture-marks.gguf", .malformed, "general.architecture", at: 52),
    RefusedFixture("GGUF-13-architecture-not-utf8.gguf", .malformed, "general.architecture", at: 52),
    RefusedFixture("GGUF-13-architecture-u32.gguf", .malformed, "general.architecture", at: 52),
    RefusedFixture("GGUF-13-scores-strings.gguf", .malformed, "tokenizer.ggml.scores", at: 53),
    RefusedFixture("GGUF-13-split-count-string.gguf", .malformed, "split.count", at: 43),
    RefusedFixture("GGUF-13-split-number-negative.gguf", .malformed, "split.no", at: 40),
    RefusedFixture("GGUF-13-token-types-floats.gguf", .malformed, "tokenizer.ggml.token_type", at: 57),
    RefusedFixture("GGUF-13-tokens-numbers.gguf", .malformed, "tokenizer.ggml.tokens", at: 53),
    RefusedFixture("GGUF-13-tokens-single-string.gguf", .malformed, "tokenizer.ggml.tokens", at: 53),
    RefusedFixture("GGUF-14-alignment-0.gguf", .malformed, "general.alignment", at: 49),
    RefusedFixture("GGUF-14-alignment-24.gguf", .malformed, "general.alignment", at: 49),
    RefusedFixture("GGUF-14-alignment-2pow21.gguf", .malformed, "general.alignment", at: 49),
    RefusedFixture("GGUF-14-alignment-2pow31.gguf", .malformed, "general.alignment", at: 49),
    RefusedFixture("GGUF-14-alignment-3.gguf", .malformed, "general.alignment", at: 49),
    RefusedFixture("GGUF-14-alignment-4.gguf", .malformed, "general.alignment", at: 49),
    RefusedFixture("GGUF-15-1000-bytes.gguf", .malformed, String(repeating: "n", count: 100), at: 24),
    RefusedFixture("GGUF-15-65-bytes.gguf", .malformed, String(repeating: "n", count: 65), at: 24),
    RefusedFixture("GGUF-15-empty.gguf", .malformed, "", at: 24),
    RefusedFixture("GGUF-15-not-utf8.gguf", .malformed, "a\u{FFFD}", at: 24),
    RefusedFixture("GGUF-15-nul.gguf", .malformed, "a\0b", at: 24),
    RefusedFixture("GGUF-16-name-twice-composed.gguf", .malformed, "é", at: 58),
    RefusedFixture("GGUF-16-name-twice.gguf", .malformed, "a", at: 57),
    RefusedFixture("GGUF-17-2pow31-dimensions.gguf", .malformed, "a", at: 33),
    RefusedFixture("GGUF-17-five-dimensions.gguf", .malformed, "a", at: 33),
    RefusedFixture("GGUF-18-bytes-wrap.gguf", .malformed, "a", at: 24),
    RefusedFixture("GGUF-18-negative.gguf", .malformed, "a", at: 37),
    RefusedFixture("GGUF-18-product-negative.gguf", .malformed, "a", at: 24),
    RefusedFixture("GGUF-18-product-of-four-wraps.gguf", .malformed, "a", at: 24),
    RefusedFixture("GGUF-18-product-wraps-before-0.gguf", .malformed, "a", at: 24),
    RefusedFixture("GGUF-18-product-wraps-to-0.gguf", .malformed, "a", at: 24),
    RefusedFixture("GGUF-18-product-wraps-to-8.gguf", .malformed, "a", at: 24),
    RefusedFixture("GGUF-19-type-137.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-144.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-202.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-2147483648.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-31.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-32.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-33.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-36.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-37.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-38.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-4.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-4294967295.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-43.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-5.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-96.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-19-type-99.gguf", .unsupported, "a", at: 45),
    RefusedFixture("GGUF-2-version-0.gguf", .malformed, at: 4),
    RefusedFixture("GGUF-2-version-1-big-endian.gguf", .unsupported, at: 4),
    RefusedFixture("GGUF-2-version-1.gguf", .unsupported, at: 4),
    RefusedFixture("GGUF-2-version-4.gguf", .unsupported, at: 4),
    RefusedFixture("GGUF-2-version-max.gguf", .unsupported, at: 4),
    RefusedFixture("GGUF-20-no-dimensions-q4_0.gguf", .malformed, "a", at: 24),
    RefusedFixture("GGUF-20-row-of-1-q8_0.gguf", .malformed, "a", at: 24),
    RefusedFixture("GGUF-20-row-of-32-q4_k.gguf", .malformed, "a", at: 24),
    RefusedFixture("GGUF-20-row-of-48.gguf", .malformed, "a", at: 24),
    RefusedFixture("GGUF-21-misaligned-for-64.gguf", .malformed, "a", at: 57),
    RefusedFixture("GGUF-21-misaligned.gguf", .malformed, "b", at: 57),
    RefusedFixture("GGUF-22-data-missing.gguf", .truncated, "a", at: 24),
    RefusedFixture("GGUF-22-data-short.gguf", .truncated, "a", at: 24),
    RefusedFixture("GGUF-22-data-without-padding-before.gguf", .truncated, "a", at: 24),
    RefusedFixture("GGUF-22-empty-tensor-offset-2pow63.gguf", .truncated, "a", at: 24),
    RefusedFixture("GGUF-22-offset-2pow63.gguf", .truncated, "a", at: 24),
    RefusedFixture("GGUF-22-offset-past-end.gguf", .truncated, "a", at: 24),
    RefusedFixture("GGUF-22-offset-wraps.gguf", .truncated, "a", at: 24),
    RefusedFixture("GGUF-22-second-shard-short", .truncated, "b", at: 106),
    RefusedFixture("GGUF-22-size-past-end.gguf", .truncated, "a", at: 24),
    RefusedFixture("GGUF-23-inside-out-of-order.gguf", .malformed, "b", at: 24),
    RefusedFixture("GGUF-23-inside.gguf", .malformed, "b", at: 57),
    RefusedFixture("GGUF-23-same-place.gguf", .malformed, "b", at: 57),
    RefusedFixture("GGUF-25-iq1_m.gguf", .unsupported, "a", at: 24),
    RefusedFixture("GGUF-25-iq2_xxs.gguf", .unsupported, "a", at: 24),
    RefusedFixture("GGUF-25-iq3_xxs.gguf", .unsupported, "a", at: 24),
    RefusedFixture("GGUF-26-name-without-number.gguf", .mismatch),
    RefusedFixture("GGUF-26-second-missing", .missing),
    RefusedFixture("GGUF-27-count-differs-from-name", .mismatch, "split.count"),
    RefusedFixture("GGUF-27-counts-differ", .mismatch, "split.count"),
    RefusedFixture("GGUF-27-no-keys-m-00001-of-00002.gguf", .mismatch, "split.count"),
    RefusedFixture("GGUF-27-number-twice", .mismatch, "split.no"),
    RefusedFixture("GGUF-27-numbers-swapped", .mismatch, "split.no"),
    RefusedFixture("GGUF-27-second-without-keys", .mismatch, "split.count"),
    RefusedFixture("GGUF-28-name-in-both", .mismatch, "a"),
    RefusedFixture("GGUF-28-too-few-tensors", .mismatch, "split.tensors.count"),
    RefusedFixture("GGUF-28-totals-differ", .mismatch, "split.tensors.count"),
    RefusedFixture("GGUF-29-other-alignment", .mismatch, "general.alignment"),
    RefusedFixture("GGUF-29-other-architecture", .mismatch, "general.architecture"),
    RefusedFixture("GGUF-4-ends-in-counts.gguf", .truncated, at: 16),
    RefusedFixture("GGUF-4-entry-one-too-many.gguf", .truncated, at: 68),
    RefusedFixture("GGUF-4-magic-only.gguf", .truncated, at: 4),
    RefusedFixture("GGUF-4-no-bytes.gguf", .truncated, at: 0),
    RefusedFixture("GGUF-4-tensor-one-too-many.gguf", .truncated, "b", at: 74),
    RefusedFixture("GGUF-5-byte-order-mixed.gguf", .malformed, at: 16),
    RefusedFixture("GGUF-5-entries-negative.gguf", .malformed, at: 16),
    RefusedFixture("GGUF-5-entries-too-many.gguf", .malformed, at: 16),
    RefusedFixture("GGUF-5-tensors-negative.gguf", .malformed, at: 8),
    RefusedFixture("GGUF-5-tensors-too-many.gguf", .malformed, at: 8),
    RefusedFixture("GGUF-7-65536-bytes.gguf", .malformed, at: 24),
    RefusedFixture("GGUF-7-empty.gguf", .malformed, at: 24),
    RefusedFixture("GGUF-7-not-ascii.gguf", .malformed, at: 24),
    RefusedFixture("GGUF-7-not-utf8.gguf", .malformed, at: 24),
    RefusedFixture("GGUF-7-nul.gguf", .malformed, at: 24),
    RefusedFixture("GGUF-8-alignment-twice.gguf", .malformed, "general.alignment", at: 57),
    RefusedFixture("GGUF-8-key-twice.gguf", .malformed, "general.architecture", at: 68),
    RefusedFixture("GGUF-9-element-type-77.gguf", .malformed, "x", at: 37),
    RefusedFixture("GGUF-9-type-13.gguf", .malformed, "x", at: 33),
    RefusedFixture("GGUF-9-type-max.gguf", .malformed, "x", at: 33),
  ]

  @Test(arguments: expectations)
  func givesTheExpectedError(_ expected: RefusedFixture) throws {
    let path = Fixture.opened("hostile", expected.name)
    let error = try #require(throws: FileError.self) { try GGUFSource(path: path) }
    #expect(error.code == expected.code, "\(error)")
    #expect(error.rule == expected.rule, "\(error)")
    #expect(error.subject == expected.subject, "\(error)")
    #expect(error.offset == expected.offset, "\(error)")
    #expect(error.path.hasPrefix(Fixture.path("hostile/" + expected.name)), "\(error)")
  }

  @Test func allFixturesAreExpected() {
    #expect(Self.expectations.map(\.name).sorted() == Fixture.names(in: "hostile"))
  }

  /// Rules that a small hostile file cannot break, or that are not about files read.
  static let rulesWithoutFixture: Set<GGUFRule> = [
    .byteOrder, .headerLimit, .unclaimedBytes, .writtenLayout, .writtenMetadata, .writtenTensors, .writtenSplit,
  ]

  @Test func everyRuleHasAFixture() {
    let covered = Set(Self.expectations.map(\.rule))
    for rule in GGUFRule.allCases where !Self.rulesWithoutFixture.contains(rule) {
      #expect(covered.contains(rule.citation))
    }
  }

  @Test func everyRuleIsInTheSpecification() throws {
    let text = String(decoding: try InputFile.contents(of: Fixture.folder + "/SPEC.md"), as: UTF8.self)
    for rule in GGUFRule.allCases { #expect(text.contains("**\(rule.citation)**"), "\(rule)") }
    #expect(!text.contains("**GGUF-\(GGUFRule.allCases.count + 1)**"))
  }
}
