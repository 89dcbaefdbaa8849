import Bytes
import Conversion
import Foundation
import Quantization
import TestSupport
import Testing

/// Parts of an importance matrix: written, read and put together as the one file that a whole run writes.
@Suite struct ImportancePartsTests {
  private static let columns = 5
  private static let windows = 11

  /// What a window adds to the sums: numbers of very different sizes, so that every rounding on the way would show.
  private static func sum(_ window: Int, _ column: Int) -> Int128 {
    var generator = SeededGenerator(seed: UInt64(window * 100 + column + 1))
    return Int128.random(in: 0...Int128.max >> 5, using: &generator) >> Int.random(in: 0...100, using: &generator)
  }

  /// The matrix of some windows: a weight, and one with experts of which each window reaches one.
  private static func matrix(_ windows: Range<Int>, part: ImportancePart? = nil) throws -> ImportanceMatrix {
    func sums(_ first: Int, of windows: [Int]) throws -> [SquareSum] {
      try (first..<first + columns).map { column in
        try #require(SquareSum(windows.reduce(0) { $0 + sum($1, column) }))
      }
    }
    var entries: [String: ImportanceMatrix.Entry] = [:]
    if !windows.isEmpty {
      entries["blk.0.attn_q.weight"] = .init(
        exactly: try sums(0, of: Array(windows)), counts: [windows.count * (1 << 24 + 1)])
      let experts = (0..<3).map { expert in windows.filter { $0 % 3 == expert } }
      entries["blk.0.ffn_up_exps.weight"] = .init(
        exactly: try experts.enumerated().flatMap { try sums(10 * ($0 + 1), of: $1) },
        counts: experts.map { $0.count * 7 })
    }
    return ImportanceMatrix(
      entries: entries, datasets: ["folder/text.txt"], chunkCount: windows.count, chunkSize: 16, part: part)
  }

  private static func write(_ count: Int, to folder: TemporaryFolder, plan: String = "plan") throws {
    for number in 1...count {
      let part = try #require(Part(number, of: count))
      let matrix = try matrix(part.share(of: windows), part: ImportancePart(part, of: plan))
      try matrix.write(to: PartsFolder(at: folder.path).path(ofMatrix: part), replacing: false)
    }
  }

  @Test("Of any number of parts, those without a window too, the whole is the same file", arguments: [1, 2, 3, 7, 14])
  func together(count: Int) throws {
    let folder = try TemporaryFolder()
    try Self.matrix(0..<Self.windows).write(to: folder.file("whole.gguf"), replacing: false)
    let parts = try TemporaryFolder()
    try Self.write(count, to: parts)
    let assembled = try ImportanceMatrix.assembled(partsIn: PartsFolder(at: parts.path))
    #expect(assembled.part == nil && assembled.chunkCount == Self.windows)
    try assembled.write(to: folder.file("assembled.gguf"), replacing: false)
    #expect(try folder.read("assembled.gguf") == folder.read("whole.gguf"))

    // So are the sums where parts are merged, though each is of a text then.
    let read = try parts.names().map { name in try ImportanceMatrix(path: parts.file(name)) }
    let merged = try ImportanceMatrix.merged(read.reversed())
    #expect(merged.entries == assembled.entries && merged.datasets.count == count)
  }

  @Test("What is known exactly is added exactly, and what is not as before")
  func mixed() throws {
    let exact = try Self.matrix(0..<3)
    let rounded = ImportanceMatrix(
      entries: exact.entries.mapValues { .init(sums: $0.sums, counts: $0.counts) }, chunkCount: 3, chunkSize: 16)
    let both = try ImportanceMatrix.merged([exact, rounded])
    let entry = try #require(both.entries["blk.0.attn_q.weight"])
    #expect(entry.exactSums == nil)
    let sums = try #require(exact.entries["blk.0.attn_q.weight"]).sums
    #expect(entry.sums == sums.map { Float(Double($0) * 2) })
  }

  @Test("A part is read as it was written, whatever it is called")
  func again() throws {
    let folder = try TemporaryFolder()
    let part = try #require(Part(2, of: 3))
    let job = ImportancePart(part, of: "plan")
    let matrix = try Self.matrix(4..<8, part: job)
    for name in ["part-00002-of-00003.gguf", "other.gguf"] {
      try matrix.write(to: folder.file(name), replacing: false)
      let read = try ImportanceMatrix(path: folder.file(name))
      #expect(read.part == job && read.entries == matrix.entries && read.chunkCount == 4)
      #expect(read.entries.values.allSatisfy { $0.exactSums != nil })
    }
    let fixture = try ImportanceMatrix(path: ImportanceMatrixTests.path("valid/part-00002-of-00004.gguf"))
    #expect(fixture.part?.part == Part(2, of: 4))
    #expect(fixture.entries["blk.0.attn_q.weight"]?.sums == [1.5, 0.25, 0, 48])
    let empty = try ImportanceMatrix(path: ImportanceMatrixTests.path("valid/nothing.gguf"))
    #expect(empty.entries.isEmpty && empty.chunkCount == 0)
  }

  @Test("Sums beyond 127 bits are refused")
  func tooMuch() throws {
    let most = try #require(SquareSum(.max))
    let one = ImportanceMatrix(entries: ["a": .init(exactly: [most], counts: [1])], chunkCount: 1, chunkSize: 1)
    let error = #expect(throws: FileError.self) { try ImportanceMatrix.merged([one, one]) }
    #expect(error?.subject == "a" && error?.message.contains("127 bits") == true)
  }

  @Test("Parts that are not all of one job, each once, are refused, and the one that is wrong is named")
  func refused() throws {
    func refusal(_ change: (TemporaryFolder) throws -> Void) throws -> FileError {
      let folder = try TemporaryFolder()
      try Self.write(4, to: folder)
      try change(folder)
      return try #require(
        #expect(throws: FileError.self) { try ImportanceMatrix.assembled(partsIn: PartsFolder(at: folder.path)) })
    }
    let (two, three) = ("part-00002-of-00004.gguf", "part-00003-of-00004.gguf")
    let missing = try refusal { folder in for name in [two, three] { try folder.remove(name) } }
    #expect(missing.code == .missing && missing.message.contains("parts 2 and 3 of 4 are not there"))
    let twice = try refusal { folder in
      try folder.remove(three)
      try FileManager.default.copyItem(atPath: folder.file(two), toPath: folder.file(three))
    }
    #expect(twice.path.hasSuffix(three) && twice.message.contains("is part 2/4, and so is"))
    let other = try refusal { folder in
      try folder.remove(three)
      let part = try #require(Part(3, of: 4))
      try Self.matrix(part.share(of: Self.windows), part: ImportancePart(part, of: "other"))
        .write(to: folder.file(three), replacing: false)
    }
    #expect(other.path.hasSuffix(three) && other.message.contains("part 3/4 of another job than"))
    let whole = try refusal { folder in
      try Self.matrix(0..<3).write(to: folder.file("m.gguf"), replacing: false)
      try FileManager.default.moveItem(
        atPath: folder.file("m.gguf"), toPath: folder.file("part-00005-of-00005.gguf"))
    }
    #expect(whole.path.hasSuffix("part-00005-of-00005.gguf"), "by its name it would be a shard")
    for error in [missing, twice, other] { #expect(error.rule == "IMATRIX-14") }
    let nothing = try refusal { folder in for name in try folder.names() { try folder.remove(name) } }
    #expect(nothing.code == .missing)
  }
}
