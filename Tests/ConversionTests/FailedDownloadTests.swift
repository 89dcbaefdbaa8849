import Bytes
import Conversion
import Quantization
import TestSupport
import Testing

/// What lies in the place of a file after a clone without Git LFS, or a download that failed, is named for what it is.
@Suite struct FailedDownloadTests {
  static let pointer = """
    version https://git-lfs.github.com/spec/v1
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
    size 268435456

    """
  static let page = "<!DOCTYPE html>\n<html><body>Sign in</body></html>"
  static let answer = #"{"error":"Access to model x/y is restricted."}"#

  static let contents: [(content: String, says: String)] = [
    (pointer, "is a Git LFS pointer, not the file itself, which has 268435456 bytes; run `git lfs pull`"),
    (page, "is a web page"), (answer, "is what a server said"), ("Entry not found", "is what a server said"),
  ]

  /// Files of a model with an adapter and an importance matrix, in the places where commands open them.
  static let files = [
    "model/model-00001-of-00002.safetensors", "model/model.safetensors.index.json", "model/config.json",
    "model/tokenizer.json", "model/generation_config.json",
    "adapter/adapter_config.json", "adapter/adapter_model.safetensors",
    "matrix.gguf", "single.safetensors", "model.gguf", "packed.safetensors.zst",
  ]

  @Test(arguments: files, contents.indices)
  func isNamed(_ file: String, _ number: Int) throws {
    let (content, says) = Self.contents[number]
    let bench = try Workbench()
    try bench.write(TinyCheckpoint { $0.shardCount = 2 })
    try TinyAdapter().write(to: bench.path("adapter"))
    try bench.folder.write(Array(content.utf8), to: file)
    let error = #expect(throws: FileError.self) {
      if file.hasPrefix("matrix") { _ = try ImportanceMatrix(path: bench.path(file)) }
      let isSingle = !file.contains("/")
      var model = try Checkpoint(path: bench.path(isSingle ? file : "model"))
      if file.hasPrefix("adapter") { model = try model.adding(Adapter(path: bench.path("adapter"), weight: 1)) }
      _ = try Plan(converting: model, to: Destination(path: bench.path("o.gguf")), recipe: Recipe(.keep))
    }
    #expect(error?.message.contains(says) == true, "\(String(describing: error))")
    #expect(error?.path == bench.path(file))
  }

  @Test func otherTextIsShown() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(Array("Once upon a time\nthere was".utf8), to: "model.gguf")
    let error = #expect(throws: FileError.self) { try Checkpoint(path: path) }
    #expect(error?.message == "is text, not a model: it begins with \"Once upon a time\"")
  }

  @Test func whatZstdMakesOfAPackedModelIsRefused() async throws {
    let bench = try Workbench()
    let model = try bench.write(TinyCheckpoint { $0.layers = 1 }) + "/model.safetensors"
    _ = try await Packing.pack(model, to: bench.path("p.zst"), level: 1, workers: 1, replacing: false)
    let notice = "This is no model. It is what `zstd -d` makes of a file that Decant has packed"
    let packed = try Workbench.bytes(bench.path("p.zst"))
    #expect(packed.firstRange(of: Array(notice.utf8))?.lowerBound == 40)
    let path = try bench.folder.write(packed.dropFirst(40), to: "plain.safetensors")
    let error = #expect(throws: FileError.self) { try Checkpoint(path: path) }
    #expect(error?.message.contains("is what `zstd -d` makes of a packed file") == true, "\(String(describing: error))")
  }

  @Test(arguments: ["model/config.json", "adapter/adapter_config.json", "model/tokenizer.json"])
  func anEmptyDocumentIsTold(_ file: String) throws {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint())
    try TinyAdapter().write(to: bench.path("adapter"))
    try bench.folder.write([], to: file)
    let error = #expect(throws: FileError.self) {
      let model = try Checkpoint(path: bench.path("model"))
        .adding(Adapter(path: bench.path("adapter"), weight: 1))
      _ = try Plan(converting: model, to: Destination(path: bench.path("o.gguf")), recipe: Recipe(.keep))
    }
    #expect(error?.message == "is empty; was it downloaded whole?", "\(String(describing: error))")
  }
}
