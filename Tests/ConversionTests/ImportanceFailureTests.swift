import Bytes
import Conversion
import TestSupport
import Testing

/// Importance matrices that break a rule give the error of that rule, and no bytes make the reader trap.
@Suite struct ImportanceFailureTests {
  static let expectations: [RefusedFixture] = [
    RefusedFixture("IMATRIX-1-empty.dat", .unsupported),
    RefusedFixture("IMATRIX-1-model.gguf", .unsupported, "general.type"),
    RefusedFixture("IMATRIX-1-no-sums.gguf", .unsupported),
    RefusedFixture("IMATRIX-1-no-tensors.gguf", .unsupported),
    RefusedFixture("IMATRIX-1-two-bytes.dat", .unsupported),
    RefusedFixture("IMATRIX-10-length-short.dat", .truncated, at: 53),
    RefusedFixture("IMATRIX-10-text-negative.dat", .malformed, at: 53),
    RefusedFixture("IMATRIX-10-text-past-end.dat", .malformed, at: 53),
    RefusedFixture("IMATRIX-10-three-bytes.dat", .truncated, at: 49),
    RefusedFixture("IMATRIX-10-trailing-bytes.dat", .malformed, at: 53),
    RefusedFixture("IMATRIX-10-windows-negative.dat", .malformed, at: 49),
    RefusedFixture("IMATRIX-13-counts-negative.gguf", .malformed, "decant.blk.0.attn_q.weight.tokens"),
    RefusedFixture("IMATRIX-13-counts-others.gguf", .malformed, "decant.blk.0.attn_q.weight.tokens"),
    RefusedFixture("IMATRIX-13-empty-plan.gguf", .missing, "decant.plan"),
    RefusedFixture("IMATRIX-13-no-counts.gguf", .missing, "decant.blk.0.attn_q.weight.tokens"),
    RefusedFixture("IMATRIX-13-no-plan.gguf", .missing, "decant.plan"),
    RefusedFixture("IMATRIX-13-no-sums.gguf", .missing, "decant.blk.0.attn_q.weight.sums"),
    RefusedFixture("IMATRIX-13-no-windows.gguf", .malformed),
    RefusedFixture("IMATRIX-13-part-0.gguf", .malformed, "decant.part"),
    RefusedFixture("IMATRIX-13-part-2pow70.gguf", .malformed, "decant.part"),
    RefusedFixture("IMATRIX-13-part-5.gguf", .malformed, "decant.part"),
    RefusedFixture("IMATRIX-13-part-number.gguf", .malformed, "decant.part"),
    RefusedFixture("IMATRIX-13-sums-f32.gguf", .malformed, "decant.blk.0.attn_q.weight.sums"),
    RefusedFixture("IMATRIX-13-sums-negative.gguf", .malformed, "decant.blk.0.attn_q.weight.sums"),
    RefusedFixture("IMATRIX-13-sums-others.gguf", .malformed, "decant.blk.0.attn_q.weight.sums"),
    RefusedFixture("IMATRIX-13-sums-short.gguf", .malformed, "decant.blk.0.attn_q.weight.sums"),
    RefusedFixture("IMATRIX-2-chunk-size-0.gguf", .malformed, "imatrix.chunk_size"),
    RefusedFixture("IMATRIX-2-no-chunk-count.gguf", .missing, "imatrix.chunk_count"),
    RefusedFixture("IMATRIX-2-no-chunk-size.gguf", .missing, "imatrix.chunk_size"),
    RefusedFixture("IMATRIX-2-no-datasets.gguf", .missing, "imatrix.datasets"),
    RefusedFixture("IMATRIX-3-no-counts.gguf", .malformed, "blk.0.attn_q.weight.in_sum2"),
    RefusedFixture("IMATRIX-3-no-name.gguf", .malformed, ".in_sum2"),
    RefusedFixture("IMATRIX-3-no-sums.gguf", .malformed, "blk.0.attn_q.weight.counts"),
    RefusedFixture("IMATRIX-3-sums-f16.gguf", .malformed, "a.in_sum2"),
    RefusedFixture("IMATRIX-4-no-counts.gguf", .malformed, "blk.0.attn_q.weight.counts"),
    RefusedFixture("IMATRIX-4-no-sums.gguf", .malformed, "blk.0.attn_q.weight.counts"),
    RefusedFixture("IMATRIX-4-three-counts-for-four-sums.gguf", .malformed, "blk.0.attn_q.weight.counts"),
    RefusedFixture("IMATRIX-5-infinite.gguf", .malformed, "a.in_sum2"),
    RefusedFixture("IMATRIX-5-nan.dat", .malformed, "a", at: 21),
    RefusedFixture("IMATRIX-5-nan.gguf", .malformed, "a.in_sum2"),
    RefusedFixture("IMATRIX-5-negative.dat", .malformed, "a", at: 17),
    RefusedFixture("IMATRIX-5-negative.gguf", .malformed, "a.in_sum2"),
    RefusedFixture("IMATRIX-6-2pow60.gguf", .malformed, "a.counts"),
    RefusedFixture("IMATRIX-6-half.gguf", .malformed, "a.counts"),
    RefusedFixture("IMATRIX-6-infinite.gguf", .malformed, "a.counts"),
    RefusedFixture("IMATRIX-6-nan.gguf", .malformed, "a.counts"),
    RefusedFixture("IMATRIX-6-negative.gguf", .malformed, "a.counts"),
    RefusedFixture("IMATRIX-7-2pow30.dat", .malformed, at: 0),
    RefusedFixture("IMATRIX-7-negative.dat", .malformed, at: 0),
    RefusedFixture("IMATRIX-7-no-entries.dat", .malformed, at: 0),
    RefusedFixture("IMATRIX-7-text.dat", .malformed, at: 0),
    RefusedFixture("IMATRIX-8-65-bytes.dat", .malformed, at: 4),
    RefusedFixture("IMATRIX-8-empty.dat", .malformed, at: 4),
    RefusedFixture("IMATRIX-8-length-past-end.dat", .malformed, at: 4),
    RefusedFixture("IMATRIX-8-negative-length.dat", .malformed, at: 4),
    RefusedFixture("IMATRIX-8-not-utf8.dat", .malformed, "a\u{FFFD}", at: 8),
    RefusedFixture("IMATRIX-8-nul.dat", .malformed, "a\0b", at: 8),
    RefusedFixture("IMATRIX-8-truncated.dat", .truncated, at: 66),
    RefusedFixture("IMATRIX-8-twice.dat", .malformed, "blk.0.ffn_down.weight", at: 49),
    RefusedFixture("IMATRIX-9-2pow31.dat", .truncated, "a", at: 13),
    RefusedFixture("IMATRIX-9-negative.dat", .malformed, "a", at: 13),
    RefusedFixture("IMATRIX-9-no-values.dat", .malformed, "abcd", at: 16),
    RefusedFixture("IMATRIX-9-truncated.dat", .truncated, "abcdefghijkl", at: 20),
    RefusedFixture("IMATRIX-9-values-short.dat", .truncated, "a", at: 13),
    RefusedFixture("IMATRIX-9-windows-negative.dat", .malformed, "a", at: 9),
  ]

  @Test(arguments: expectations) func isRefused(_ expected: RefusedFixture) throws {
    let path = ImportanceMatrixTests.path("hostile/" + expected.name)
    let error = #expect(throws: FileError.self) { try ImportanceMatrix(path: path) }
    #expect(error?.code == expected.code)
    #expect(error?.path == path)
    #expect(error?.subject == expected.subject)
    #expect(error?.offset == expected.offset)
    #expect(error?.rule == expected.rule, "\(error?.description ?? "")")
  }

  @Test func everyFixtureIsExpected() {
    let names = ImportanceMatrixTests.fixtures.names(in: "importance/hostile")
    #expect(names == Self.expectations.map(\.name).sorted())
  }

  /// Bytes changed, cut off and added at random: an error or a matrix whose numbers are in order.
  @Test(arguments: [
    "valid/one.gguf", "valid/two.gguf", "valid/old.dat", "llama/one.dat", "valid/part-00002-of-00004.gguf",
  ])
  func damage(_ name: String) throws {
    var generator = SeededGenerator()
    let folder = try TemporaryFolder()
    let bytes = try ImportanceMatrixTests.fixtures.bytes("importance/" + name)
    for round in 0..<1500 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let index = Int.random(in: 0..<damaged.count, using: &generator)
        damaged[index] =
          [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &generator)]
          .randomElement(using: &generator) ?? 0
      }
      if round % 3 == 1 { damaged.removeLast(Int.random(in: 1...damaged.count, using: &generator)) }
      if round % 3 == 2 { damaged += generator.bytes(Int.random(in: 1...40, using: &generator)) }
      let path = try folder.write(damaged, to: "damaged")
      do throws(FileError) {
        let matrix = try ImportanceMatrix(path: path)
        #expect(!matrix.entries.isEmpty && matrix.chunkCount >= 0, "seed \(generator.seed), round \(round)")
        for entry in matrix.entries.values {
          #expect(
            entry.sums.allSatisfy { $0.isFinite && $0 >= 0 } && entry.counts.allSatisfy { $0 >= 0 },
            "seed \(generator.seed), round \(round)")
        }
        _ = try ImportanceMatrix.merged([matrix, matrix])
      } catch {
        #expect(error.path == path || error.path == "importance matrix", "seed \(generator.seed), round \(round)")
      }
    }
  }
}
