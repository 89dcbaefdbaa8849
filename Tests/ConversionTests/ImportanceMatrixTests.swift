import Bytes
import Conversion
import TestSupport
import Testing

/// Importance matrices: read in both forms, merged and written as llama-imatrix does.
@Suite struct ImportanceMatrixTests {
  static let fixtures = Fixtures(of: "GGUF")

  static func path(_ name: String) -> String { fixtures.path("importance/" + name) }

  private func matrix(_ name: String) throws -> ImportanceMatrix { try ImportanceMatrix(path: Self.path(name)) }

  private static let query = ImportanceMatrix.Entry(sums: [1.5, 0.25, 0, 48], counts: [48])
  private static let experts = ImportanceMatrix.Entry(sums: [1, 2, 0, 0, 5, 6.5], counts: [32, 0, 16])

  // MARK: - Reading

  @Test func theGGUFForm() throws {
    let matrix = try matrix("valid/one.gguf")
    #expect(matrix.entries == ["blk.0.attn_q.weight": Self.query, "blk.0.ffn_up_exps.weight": Self.experts])
    #expect(matrix.weightNames == ["blk.0.attn_q.weight", "blk.0.ffn_up_exps.weight"])
    #expect(matrix.datasets == ["calibration.txt"])
    #expect(matrix.chunkCount == 3 && matrix.chunkSize == 16)
    #expect(matrix.name == Self.path("valid/one.gguf"))
  }

  @Test func anOddGGUF() throws {
    let matrix = try matrix("valid/odd.gguf")
    #expect(matrix.entries == ["blk.0.attn_q.weight": Self.query])
    #expect(matrix.datasets.isEmpty)
  }

  @Test func theOldForm() throws {
    let matrix = try matrix("valid/old.dat")
    #expect(
      matrix.entries == [
        "blk.0.attn_q.weight": .init(sums: Self.query.sums, counts: [3]),
        "blk.0.ffn_down.weight": .init(sums: [3, 0.75, 0], counts: [3]),
      ])
    #expect(matrix.datasets == ["text.txt"])
    #expect(matrix.chunkCount == 3 && matrix.chunkSize == nil)
  }

  @Test(
    arguments: [
      ("old-without-end", 0, [1, 0.25, 0]), ("old-without-text", 3, [1, 0.25, 0]),
      ("old-without-windows", 3, [3, 0.75, 0]),
    ] as [(String, Int, [Float])])
  func oldFilesThatTellLess(_ name: String, chunkCount: Int, weights: [Float]) throws {
    let matrix = try matrix("valid/\(name).dat")
    #expect(matrix.chunkCount == chunkCount)
    #expect(try matrix.weights(for: "blk.0.ffn_down.weight", columns: 3) == weights)
  }

  /// llama-imatrix wrote this from `valid/one.gguf`.
  @Test func theOldFormOfLlamaImatrix() throws {
    let matrix = try matrix("llama/one.dat")
    #expect(matrix.datasets == ["calibration.txt"] && matrix.chunkCount == 3)
    let same = try self.matrix("valid/one.gguf")
    for (name, columns, matrices) in [("blk.0.attn_q.weight", 4, 1), ("blk.0.ffn_up_exps.weight", 2, 3)] {
      let weights = try matrix.weights(for: name, columns: columns, matrices: matrices)
      #expect(try weights == same.weights(for: name, columns: columns, matrices: matrices))
    }
  }

  @Test func aPackedMatrix() async throws {
    let folder = try TemporaryFolder()
    _ = try await Packing.pack(
      Self.path("valid/one.gguf"), to: folder.file("one.gguf.zst"), level: 1, workers: 1, replacing: false)
    #expect(try ImportanceMatrix(path: folder.file("one.gguf.zst")).entries == matrix("valid/one.gguf").entries)
  }

  // MARK: - The importance of columns

  @Test func meansOfSquares() throws {
    let matrix = try matrix("valid/one.gguf")
    #expect(try matrix.weights(for: "blk.0.attn_q.weight", columns: 4) == [0.03125, Float(0.25) / 48, 0, 1])
    // The second expert was never asked, and counts evenly.
    let experts: [Float] = [1.0 / 32, 2.0 / 32, 1, 1, 5.0 / 16, 6.5 / 16]
    #expect(try matrix.weights(for: "blk.0.ffn_up_exps.weight", columns: 2, matrices: 3) == experts)
    #expect(try matrix.weights(for: "blk.1.attn_q.weight", columns: 4) == nil)
  }

  @Test func nothingButZerosCountsEvenly() throws {
    let matrix = ImportanceMatrix(
      entries: ["a": .init(sums: [0, 0, 3, 0], counts: [4, 4]), "b": .init(sums: [0, 0], counts: [4])],
      chunkCount: 1, chunkSize: 4)
    #expect(try matrix.weights(for: "a", columns: 2, matrices: 2) == [1, 1, 0.75, 0])
    #expect(try matrix.weights(for: "b", columns: 2) == [1, 1])
  }

  @Test func oneCountForAllExperts() throws {
    let matrix = ImportanceMatrix(
      entries: ["a": .init(sums: [2, 4, 6, 8], counts: [2])], chunkCount: 1, chunkSize: nil)
    #expect(try matrix.weights(for: "a", columns: 2, matrices: 2) == [1, 2, 3, 4])
  }

  @Test(arguments: [(4, 2), (3, 1), (5, 1), (2, 2), (0, 1)])
  func anotherModel(columns: Int, matrices: Int) throws {
    let entry = ImportanceMatrix.Entry(sums: [1, 2, 3, 4], counts: columns == 2 ? [1, 1, 1, 1] : [1])
    let matrix = ImportanceMatrix(
      name: "here", entries: ["a": entry, "token_embd.weight": entry], chunkCount: 1, chunkSize: 4)
    let error = #expect(throws: FileError.self) {
      try matrix.weights(for: "a", columns: columns, matrices: matrices)
    }
    #expect(error?.code == .mismatch && error?.path == "here" && error?.subject == "a")
    #expect(try matrix.weights(for: "token_embd.weight", columns: columns, matrices: matrices) == nil)
  }

  // MARK: - Merging

  @Test func mergedLikeLlamaImatrix() throws {
    let merged = try ImportanceMatrix.merged([matrix("valid/one.gguf"), matrix("valid/two.gguf")])
    let expected = try matrix("llama/one-and-two.gguf")
    #expect(merged.entries == expected.entries)
    #expect(merged.datasets == expected.datasets && merged.datasets.count == 3)
    #expect(merged.chunkCount == expected.chunkCount && merged.chunkSize == expected.chunkSize)
  }

  @Test func theOldFormIsMergedAsWindows() throws {
    let old = try matrix("valid/old.dat")
    let merged = try ImportanceMatrix.merged([old])
    #expect(try merged.entries == matrix("llama/old.gguf").entries)
    #expect(merged.chunkSize == 512 && merged.chunkCount == 3)
    let both = try ImportanceMatrix.merged([old, matrix("valid/one.gguf")], unstatedChunkSize: 16)
    #expect(both.entries["blk.0.attn_q.weight"] == .init(sums: [25.5, 4.25, 0, 816], counts: [96]))
    #expect(both.chunkSize == 16 && both.chunkCount == 6)
  }

  @Test func oneCountForAllMeetsACountForEach() throws {
    let one = ImportanceMatrix(entries: ["a": .init(sums: [1, 2, 3, 4], counts: [5])], chunkCount: 1, chunkSize: 5)
    let each = ImportanceMatrix(
      entries: ["a": .init(sums: [1, 1, 1, 1], counts: [2, 3])], chunkCount: 1, chunkSize: 5)
    for matrices in [[one, each], [each, one]] {
      #expect(
        try ImportanceMatrix.merged(matrices).entries["a"] == .init(sums: [2, 3, 4, 5], counts: [7, 8]))
    }
  }

  @Test(
    arguments: [
      .init(sums: [1, 2], counts: [1]), .init(sums: [1, 2, 3], counts: [1]),
      .init(sums: [1, 2, 3, 4], counts: [1, 1]),
      .init(sums: [3e38, 3e38, 3e38, 3e38], counts: [1, 1, 1, 1]),
      .init(sums: [1, 1, 1, 1], counts: [1 << 48, 1, 1, 1]),
    ] as [ImportanceMatrix.Entry])
  func whatCannotBeMerged(_ entry: ImportanceMatrix.Entry) throws {
    let one = ImportanceMatrix(
      name: "one", entries: ["a": .init(sums: [1, 2, 3, 3e38], counts: [1, 1, 1, 1])], chunkCount: 1, chunkSize: 5)
    let other = ImportanceMatrix(name: "other", entries: ["a": entry], chunkCount: 1, chunkSize: 5)
    let error = #expect(throws: FileError.self) { try ImportanceMatrix.merged([one, other], name: "other") }
    #expect(error?.subject == "a" && error?.path == "other")
    #expect(error?.rule == "IMATRIX-11")
  }

  // MARK: - Writing

  @Test(arguments: ["one", "one-and-two", "old"])
  func writtenAsLlamaImatrixDoes(_ name: String) throws {
    let folder = try TemporaryFolder()
    try matrix("llama/\(name).gguf").write(to: folder.file("m.gguf"), replacing: false)
    #expect(try folder.read("m.gguf") == Self.fixtures.bytes("importance/llama/\(name).gguf"))
  }

  @Test func theOldFormIsWrittenAsGGUF() throws {
    let folder = try TemporaryFolder()
    try matrix("valid/old.dat").write(to: folder.file("m.gguf"), replacing: false)
    #expect(try folder.read("m.gguf") == Self.fixtures.bytes("importance/llama/old.gguf"))
  }

  @Test func whatIsThereStays() throws {
    let folder = try TemporaryFolder()
    try folder.write("kept".utf8, to: "m.gguf")
    let matrix = try matrix("valid/one.gguf")
    #expect(throws: FileError.self) { try matrix.write(to: folder.file("m.gguf"), replacing: false) }
    #expect(try folder.read("m.gguf") == Array("kept".utf8))
    try matrix.write(to: folder.file("m.gguf"), replacing: true)
    #expect(try ImportanceMatrix(path: folder.file("m.gguf")).entries == matrix.entries)
  }

  @Test func whatCannotBeWritten() throws {
    let folder = try TemporaryFolder()
    let entry = ImportanceMatrix.Entry(sums: [1], counts: [1])
    for matrix in [
      ImportanceMatrix(entries: [String(repeating: "n", count: 56): entry], chunkCount: 1, chunkSize: 1),
      ImportanceMatrix(entries: ["a": entry], chunkCount: 1 << 32, chunkSize: 1),
      ImportanceMatrix(entries: ["a": entry], chunkCount: -1, chunkSize: 1),
    ] {
      #expect(throws: FileError.self) { try matrix.write(to: folder.file("m.gguf"), replacing: false) }
    }
    #expect(try folder.names().isEmpty)
  }

  // MARK: - Names

  @Test func weightsHaveTheirNamesInAGGUF() throws {
    let workbench = try Workbench()
    let folder = try workbench.write(TinyCheckpoint { $0.layers = 1 })
    let names = try Checkpoint(path: folder).ggufNames()
    #expect(names.count == 12)
    #expect(names["model.layers.0.self_attn.q_proj.weight"] == ["blk.0.attn_q.weight"])
    #expect(names["model.layers.0.mlp.down_proj.weight"] == ["blk.0.ffn_down.weight"])
    #expect(names["lm_head.weight"] == ["output.weight"])
  }

  // MARK: - Sizes of means

  private func weights(_ sums: [Float], count: Int) throws -> [Float]? {
    let entry = ImportanceMatrix.Entry(sums: sums, counts: [count])
    return try ImportanceMatrix(entries: ["w": entry], chunkCount: 1, chunkSize: 1).weights(
      for: "w", columns: sums.count)
  }

  @Test(
    arguments: [
      ([0x1p50, 0], 1), ([0x1p-50, .leastNonzeroMagnitude], 1), ([0, 3], 4), ([0x1p60, 1], 1 << 20), ([0, 0], 1),
      ([3e38, 1], 0),
    ] as [([Float], Int)])
  func meansThatEncodersTake(_ sums: [Float], count: Int) throws {
    #expect(try weights(sums, count: count)?.count == sums.count)
  }

  @Test(
    arguments: [
      ([3.4e38, 3.4e38], 1), ([.leastNonzeroMagnitude, .leastNonzeroMagnitude], 1), ([0, 0x1p51], 1),
      ([0x1p-51, 0], 1), ([1e-30, 1e-30], 1 << 40),
    ] as [([Float], Int)])
  func meansThatNoEncoderTakes(_ sums: [Float], count: Int) throws {
    let error = #expect(throws: FileError.self) { try weights(sums, count: count) }
    #expect(error?.subject == "w")
    #expect(error?.message.contains("the largest mean of the squares of a column is") == true)
  }
}
