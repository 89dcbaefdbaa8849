import Bytes
import Foundation
import JSON
import Tensors
import Testing

@testable import GGUF

/// Checks against files that are not part of the repository: real models and vocabularies, and hostile files with the
/// reference reader's verdicts.
@Suite(.enabled(if: SharedFiles.folder != nil, "set DECANT_SHARED to the folder of shared test data"))
struct SharedFilesTests {
  static func folder() throws -> String { try #require(SharedFiles.folder) }

  /// Where we and ggml's reader differ, and why.
  static let differences: [String: String] = [
    // Read here, refused by ggml.
    "array_of_arrays": "the format's description allows them (GGUF-12)",
    "tensor_name_64": "the format's description allows 64 bytes (GGUF-15)",
    "offset_gap": "the description asks for multiples of the alignment only (GGUF-21)",
    "offset_out_of_order": "the description asks for multiples of the alignment only (GGUF-21)",
    "last_tensor_not_padded": "all tensor bytes are there (GGUF-24)",
    "big_endian_v3": "big-endian files are read (GGUF-3)",
    // Refused here, read by ggml.
    "key_invalid_utf8": "keys are ASCII (GGUF-7)",
    "key_65536_bytes": "keys have at most 65535 bytes (GGUF-7)",
    "bool_2": "a bool is 0 or 1 (GGUF-10)",
    "tensor_name_empty": "a tensor needs a name (GGUF-15)",
    "tensor_dim_overflow": "the product of the dimensions wraps to 0 in ggml (GGUF-18)",
    "tensor_dim_overflow_4d": "the product of the dimensions wraps to 0 in ggml (GGUF-18)",
  ]

  @Test func verdictsDifferOnlyWhereTheyShould() throws {
    let folder = try Self.folder() + "/hostile/gguf"
    let verdicts = try JSONValue(parsing: InputFile.contents(of: folder + "/VERDICTS.json"))
    let files = try #require(verdicts["files"]?.object)
    var counts = ["both read": 0, "both refuse": 0, "only we read": 0, "only ggml reads": 0]
    for (name, verdict) in files {
      let ggmlReads = verdict["with_data"]?.string == "accept"
      let path = folder + "/\(name).gguf"
      let result = Result { try GGUFSource(path: path) }
      let weRead = (try? result.get()) != nil
      if case .failure(let error) = result { #expect(error is FileError) }
      #expect((ggmlReads != weRead) == (Self.differences[name] != nil), "\(name): \(result)")
      switch (ggmlReads, weRead) {
      case (true, true): counts["both read", default: 0] += 1
      case (false, false): counts["both refuse", default: 0] += 1
      case (false, true): counts["only we read", default: 0] += 1
      case (true, false): counts["only ggml reads", default: 0] += 1
      }
    }
    print("SharedFilesTests: \(files.count) verdicts, \(counts.sorted { $0.key < $1.key })")
    #expect(Set(Self.differences.keys).isSubset(of: files.keys))
  }

  /// Nil for those that are read. `test_writer` has a dictionary in its metadata, a type that never was part of the
  /// format.
  static let oldVersions: [(String, refusal: FileError.Code?)] = [
    ("ggml-vocab-falcon.gguf-v2.gguf", nil), ("ggml-vocab-llama.ggml.bin", .unsupported),
    ("ggml-vocab-llama.gguf-v1.a.gguf", .unsupported), ("ggml-vocab-llama.gguf-v1.b.gguf", .unsupported),
    ("ggml-vocab-llama.gguf-v3-2023.gguf", nil), ("ggml-vocab-stablelm.gguf-v3.gguf", nil),
    ("ggml-vocab.ggjt.bin", .unsupported), ("test_writer.gguf", .malformed),
  ]

  @Test(arguments: oldVersions)
  func oldVersionsGiveTheirVerdict(_ name: String, _ refusal: FileError.Code?) throws {
    let path = try Self.folder() + "/hostile/old-gguf-versions/" + name
    var code: FileError.Code?
    do throws(FileError) { _ = try GGUFSource(path: path) } catch { code = error.code }
    #expect(code == refusal)
  }

  @Test(
    arguments: SharedFiles.paths([
      "reference-quants/stories260K", "reference-quants/stories3M", "models/stories260K/gguf",
    ]))
  func realModelsOpenAndPlanToTheSameHeader(_ path: String) throws {
    let source = try GGUFSource(path: path)
    #expect(source.tensors.count > 40)
    #expect(try source.metadata.string("general.architecture") == "llama")
    for tensor in source.tensors { #expect(try source.bytes(of: tensor.name).count == tensor.byteCount) }
    let plan = try GGUFWriter.plan(metadata: source.metadata, tensors: source.tensors, name: "copy.gguf")
    let original = try InputFile(path: path)
    #expect(plan[0].byteCount == original.byteCount)
    #expect(plan[0].tensors == source.files[0].tensors)
    if source.files[0].version == 3 {
      #expect(try original.bytes(at: 0, count: plan[0].header.count) == plan[0].header)
    }
    #expect(source.files[0].remarks == [])
  }

  @Test(arguments: SharedFiles.paths(["vocab/ggml-vocab"]))
  func vocabulariesOpen(_ path: String) throws {
    let clock = ContinuousClock()
    let start = clock.now
    let metadata = try GGUFSource(path: path).metadata
    print("SharedFilesTests: \(FileSystem.lastComponent(path)) opened in \(clock.now - start)")
    let tokens = try #require(try metadata.stringBytes("tokenizer.ggml.tokens"))
    #expect(tokens.count > 1000)
    if let types = try metadata.integers("tokenizer.ggml.token_type") { #expect(types.count == tokens.count) }
    if let scores = try metadata.floats("tokenizer.ggml.scores") { #expect(scores.count == tokens.count) }
  }
}

/// Where the shared data lies, if it is there.
enum SharedFiles {
  static let folder = ProcessInfo.processInfo.environment["DECANT_SHARED"]

  /// The GGUF files in folders of the shared data.
  static func paths(_ folders: [String]) -> [String] {
    guard let folder else { return [] }
    return folders.flatMap { part in
      ((try? FileSystem.names(inFolder: folder + "/" + part)) ?? []).filter { $0.hasSuffix(".gguf") }
        .map { "\(folder)/\(part)/\($0)" }
    }
  }
}
