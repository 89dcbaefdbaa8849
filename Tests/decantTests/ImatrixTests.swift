import Bytes
import Conversion
import Foundation
import JSON
import TestSupport
import Testing

/// Importance matrices from the command line.
@Suite struct ImatrixTests {
  private static let reading = ["imatrix", TinyLlama.path, "--text", TinyLlama.heldOutText]

  /// Runs with an output and reads it.
  @discardableResult
  private func matrix(_ arguments: [String], _ output: String) throws -> ImportanceMatrix {
    let result = try Command.run(arguments + ["--output", output, "--quiet"])
    try #require(result.exitCode == 0, "\(result.errors)")
    #expect(result.output.isEmpty && result.errors.isEmpty)
    return try ImportanceMatrix(path: output)
  }

  @Test func agreesWithLlamaImatrix() throws {
    let folder = try TemporaryFolder()
    let ours = try matrix(Self.reading + ["--chunks", "4", "--process-output"], folder.file("m.gguf"))
    let theirs = try ImportanceMatrix(path: TinyLlama.llamaImatrix)
    #expect(ours.weightNames == theirs.weightNames && ours.entries.count == 4 * 7 + 1)
    #expect(ours.chunkCount == 4 && ours.chunkSize == 512)
    #expect(ours.datasets == [FileSystem.lastComponent(TinyLlama.heldOutText)])
    var worst: Float = 0
    for name in theirs.weightNames {
      let (one, other) = (try #require(ours.entries[name]), try #require(theirs.entries[name]))
      #expect(one.counts == [4 * 512] && other.counts == one.counts)
      #expect(one.sums.count == other.sums.count)
      for (sum, same) in zip(one.sums, other.sums) { worst = max(worst, abs(sum - same) / same) }
    }
    // They add in F32, and round their activations otherwise.
    #expect(worst < 2e-5, "largest relative difference \(worst)")
  }

  @Test func neitherThreadsNorTheFormOfTheModelChangeAByte() throws {
    let folder = try TemporaryFolder()
    try Command.succeed("convert", TinyLlama.path, folder.file("model.gguf"))
    let common = ["--chunks", "5", "--context", "128", "--text", TinyLlama.heldOutText]
    try matrix(["imatrix", TinyLlama.path, "--threads", "1"] + common, folder.file("a.gguf"))
    try matrix(["imatrix", TinyLlama.path, "--threads", "5"] + common, folder.file("b.gguf"))
    #expect(try folder.read("a.gguf") == folder.read("b.gguf"))
    // Rows of q and k are summed in another order there.
    let same = try matrix(["imatrix", folder.file("model.gguf")] + common, folder.file("c.gguf"))
    for (name, entry) in try ImportanceMatrix(path: folder.file("a.gguf")).entries {
      let other = try #require(same.entries[name])
      for (sum, same) in zip(entry.sums, other.sums) { #expect(abs(sum - same) <= 1e-5 * sum) }
    }
  }

  @Test func partsOfATextAddUp() throws {
    let folder = try TemporaryFolder()
    let common = Self.reading + ["--context", "64"]
    let whole = try matrix(common + ["--chunks", "6"], folder.file("whole.gguf"))
    try matrix(common + ["--chunks", "2"], folder.file("first.gguf"))
    let rest = common + ["--skip-chunks", "2", "--chunks", "4"]
    try matrix(rest, folder.file("second.gguf"))
    let merged = try matrix(
      ["imatrix", "--merge", folder.file("first.gguf"), folder.file("second.gguf")], folder.file("merged.gguf"))
    let added = try matrix(rest + ["--merge", folder.file("first.gguf")], folder.file("added.gguf"))
    for sum in [merged, added] {
      #expect(sum.chunkCount == 6 && sum.chunkSize == 64 && sum.datasets.count == 2)
      #expect(sum.entries.count == whole.entries.count)
      for (name, entry) in whole.entries {
        let other = try #require(sum.entries[name])
        #expect(other.counts == entry.counts)
        for (one, same) in zip(entry.sums, other.sums) { #expect(abs(one - same) <= 1e-6 * one) }
      }
    }
  }

  @Test("However many parts a text is read in, they are the file that one run writes", arguments: [1, 2, 5])
  func parts(count: Int) throws {
    let folder = try TemporaryFolder()
    let common = Self.reading + ["--context", "64", "--chunks", "4"]
    let whole = try matrix(common, folder.file("whole.gguf"))
    let output = folder.file("m.gguf")
    for number in 1...count {
      let said = try Command.run(common + ["--output", output, "--part", "\(number)/\(count)", "--json"])
      try #require(said.exitCode == 0, "\(said.errors)")
      let path = folder.file("m.gguf.parts/part-0000\(number)-of-0000\(count).gguf")
      #expect(try said.json()["part"] == .string("\(number)/\(count)"))
      #expect(try said.json()["output"] == .string(path))
    }
    #expect(try folder.names() == ["m.gguf.parts", "whole.gguf"])
    #expect(try ImportanceMatrix.assembled(partsIn: PartsFolder(of: output)).weightNames == whole.weightNames)
    let kept = try FileManager.default.contentsOfDirectory(atPath: folder.file("m.gguf.parts")).map {
      ($0, try folder.read("m.gguf.parts/" + $0))
    }
    #expect(try Command.succeed("assemble", output, "--json").json()["parts"] == .integer(count))
    #expect(try folder.read("m.gguf") == folder.read("whole.gguf"))
    #expect(try folder.names() == ["m.gguf", "whole.gguf"])
    // An assembly that was stopped when the output had its name.
    for place in ["m.gguf.parts", ".m.gguf.parts.spent"] {
      try folder.makeFolder(place)
      for (name, bytes) in kept { _ = try folder.write(bytes, to: place + "/" + name) }
      let again = try Command.succeed("assemble", output)
      #expect(again.errors.contains("is there already, complete"), "\(again.errors)")
      #expect(try folder.names() == ["m.gguf", "whole.gguf"])
    }
  }

  @Test("A part that is there is not made again; one of another job is not replaced unasked")
  func aPartTwice() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("m.gguf.parts/part-00002-of-00002.gguf")
    func run(_ words: String...) throws -> Command.Result {
      try Command.run(Self.reading + ["--output", folder.file("m.gguf"), "--part", "2/2", "--chunks", "2"] + words)
    }
    let first = try run("--context", "32")
    #expect(first.exitCode == 0 && first.errors.contains("part 2/2"))
    let bytes = try folder.read("m.gguf.parts/part-00002-of-00002.gguf")
    let again = try run("--context", "32")
    #expect(again.exitCode == 0 && again.errors.contains("\(path) is there already: part 2/2 of this job is done"))
    let other = try run("--context", "16")
    #expect(other.exitCode == 1 && other.errors.contains("is of another job") && other.errors.contains("--force"))
    #expect(try folder.read("m.gguf.parts/part-00002-of-00002.gguf") == bytes)
    let beside = try Command.run(
      Self.reading + ["--output", folder.file("m.gguf"), "--part", "1/2", "--chunks", "2", "--context", "16"])
    #expect(beside.exitCode == 1 && beside.errors.contains("part 2/2 of another job"), "\(beside.errors)")
    #expect(try run("--context", "16", "--force").exitCode == 0)
    #expect(try folder.read("m.gguf.parts/part-00002-of-00002.gguf") != bytes)
    let inspected = try Command.succeed("inspect", path)
    #expect(inspected.output.contains("2/2"))
    for (words, said) in [
      (Self.reading + ["--part", "1/2", "--merge", path], "merge what was assembled"),
      (["imatrix", "--merge", path, "--part", "1/2"], "exclude each other"),
    ] {
      let refused = try Command.run(words + ["--output", folder.file("x.gguf")])
      #expect(refused.exitCode == 64 && refused.errors.contains(said), "\(refused.errors)")
    }
  }

  @Test func theOldFormBecomesGGUF() throws {
    let folder = try TemporaryFolder()
    let fixtures = Fixtures(of: "GGUF")
    let old = fixtures.path("importance/valid/old.dat")
    try matrix(["imatrix", "--merge", old], folder.file("m.gguf"))
    #expect(try folder.read("m.gguf") == fixtures.bytes("importance/llama/old.gguf"))
    let short = try matrix(["imatrix", "--merge", old, "--context", "16"], folder.file("s.gguf"))
    #expect(short.entries["blk.0.ffn_down.weight"]?.counts == [48])
  }

  @Test func asJSON() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("m.gguf")
    let result = try Command.run(Self.reading + ["--chunks", "1", "--output", output, "--json"])
    #expect(result.errors.isEmpty)
    let report = try result.json()
    #expect(
      report.object?.keys.sorted() == ["bytes", "chunks", "context", "datasets", "output", "seconds", "weights"])
    #expect(report["weights"] == 28 && report["chunks"] == 1 && report["context"] == 512)
    #expect(try report["bytes"]?.int == folder.read("m.gguf").count)
    #expect(report["datasets"] == [.string(TinyLlama.heldOutText)] && report["output"] == .string(output))
  }

  @Test func whatIsSaid() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("m.gguf")
    let said = try Command.run(Self.reading + ["--chunks", "1", "--output", output])
    #expect(said.output.isEmpty)
    #expect(said.errors.contains("wrote \(output): 28 weights, 1 window in"))
    let experts = try Command.succeed(
      "imatrix", "--merge", Fixtures(of: "GGUF").path("importance/valid/one.gguf"), "--output", output, "--force")
    #expect(experts.errors.contains("1 of the 3 matrices of blk.0.ffn_up_exps.weight"))
    let tied = try TinyCheckpoint {
      $0.isTied = true; $0.vocabulary = 1024
    }.write(to: folder.file("tied"))
    let note = try Command.succeed(
      "imatrix", tied, "--tokenizer", TinyLlama.path, "--text", TinyLlama.heldOutText, "--chunks", "1", "--context",
      "32", "--process-output", "--output", folder.file("tied.gguf"))
    #expect(note.errors.contains("the head is the embedding"))
    #expect(try ImportanceMatrix(path: folder.file("tied.gguf")).entries.count == 14)
  }

  @Test("The model, its shards, its tokenizer and the text stay; what was merged may be replaced")
  func whatIsReadIsNotTheOutput() throws {
    let folder = try TemporaryFolder()
    let model = folder.file("im")
    try FileManager.default.copyItem(atPath: TinyLlama.path, toPath: model)
    try Command.succeed("convert", model, folder.file("m.gguf"))
    try FileManager.default.copyItem(atPath: TinyLlama.heldOutText, toPath: folder.file("t.txt"))
    let reading = ["--text", folder.file("t.txt"), "--chunks", "1", "--context", "32", "--force", "--quiet"]
    func file(_ name: String) throws -> [UInt8] { try FileBytes.read(folder.file(name)) }
    for (read, output) in [
      (model, "im/model-00001-of-00002.safetensors"), (model, "im/tokenizer.json"), (model, "t.txt"),
      (folder.file("m.gguf"), "m.gguf"),
    ] {
      let before = try file(output)
      try Command.expectFailure(
        ["imatrix", read, "--output", folder.file(output)] + reading, mentions: [output, "is the input"])
      #expect(try file(output) == before)
    }
    try Command.expectFailure(
      ["imatrix", folder.file("m.gguf"), "--output", model] + reading, mentions: ["is a folder"])
    try matrix(["imatrix", model] + reading, folder.file("im/imatrix.gguf"))
    let both = try matrix(
      ["imatrix", model, "--merge", folder.file("im/imatrix.gguf")] + reading, folder.file("im/imatrix.gguf"))
    #expect(both.chunkCount == 2)
  }

  @Test func whatCannotBeDone() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("m.gguf")
    try folder.write("kept".utf8, to: "m.gguf")
    // Told before the model has run.
    try Command.expectFailure(Self.reading + ["--output", output], mentions: [output, "--force"])
    try Command.expectFailure(
      Self.reading + ["--output", folder.file("none/m.gguf")], mentions: ["no such folder"])
    let new = folder.file("new.gguf")
    let one = Fixtures(of: "GGUF").path("importance/valid/one.gguf")
    let hostile = Fixtures(of: "GGUF").path("importance/hostile/IMATRIX-5-nan.gguf")
    for (arguments, mentions) in [
      (["imatrix", "--merge", one, hostile], [hostile, "a.in_sum2", "IMATRIX-5"]),
      (["imatrix", "--merge", one, folder.file("none.gguf")], ["none.gguf"]),
      (["imatrix", "--merge", one, TinyLlama.heldOutText], ["heldout.txt", "not an importance matrix"]),
      (["imatrix", "--merge", one, TinyLlama.path], [TinyLlama.path]),
      // Of another model.
      (Self.reading + ["--chunks", "1", "--merge", one], [one, "blk.0.attn_q.weight", "another model"]),
      (Self.reading + ["--skip-chunks", "100000"], ["heldout.txt", "tokens"]),
      (Self.reading + ["--skip-chunks", "9223372036854775807"], ["heldout.txt", "tokens"]),
    ] {
      try Command.expectFailure(arguments + ["--output", new], mentions: mentions)
    }
    #expect(try folder.names() == ["m.gguf"])
    #expect(try folder.read("m.gguf") == Array("kept".utf8))
  }
}
