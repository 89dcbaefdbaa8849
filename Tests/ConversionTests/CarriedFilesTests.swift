import Bytes
import Conversion
import Foundation
import TestSupport
import Testing

/// Small files beside the weights: what goes along from folder to folder, and what does not.
@Suite struct CarriedFilesTests {
  private let bench: Workbench
  private let model: String

  init() throws {
    bench = try Workbench()
    model = try bench.write(TinyCheckpoint())
  }

  private func write(_ text: String, _ name: String) throws { try bench.folder.write(text.utf8, to: "model/" + name) }

  private static let wanted = [
    "README.md", "LICENSE", "LICENSE.md", "license.txt", "NOTICE", "USE_POLICY.md", "chat_template.jinja",
    "tekken.json",
    "spiece.model", "tokenizer.model.v3", "vocab.txt", "qwen.tiktoken", "preprocessor_config.json",
    "generation_config.json",
    "additional_chat_templates/tool_use.jinja",
  ]

  @Test func whatALoaderOrALicenceNeedsGoesAlong() async throws {
    try bench.folder.makeFolder("model/additional_chat_templates")
    for name in Self.wanted { try write("{}", name) }
    let unwanted = [
      "notes.txt", ".hidden", ".gitattributes", "train.py", "modeling_own.py", "pytorch_model.bin", "LICENSE.zip",
      "additional_chat_templates/notes.txt", "optimizer.pt",
    ]
    for name in unwanted { try write("{}", name) }
    let output = try await bench.convert(model, to: "out")
    for name in Self.wanted {
      #expect(try Workbench.bytes(FileSystem.join(output, name)) == Array("{}".utf8), "\(name)")
    }
    for name in unwanted { #expect(try !FileSystem.exists(FileSystem.join(output, name)), "\(name)") }
    // What was written can be replaced, its folder of templates with it.
    try await bench.convert(model, to: "out", replacing: true)
    #expect(try FileSystem.isFile(FileSystem.join(output, "additional_chat_templates/tool_use.jinja")))
    #expect(try FileSystem.names(inFolder: bench.folder.path).sorted() == ["model", "out"])
    try bench.folder.write("mine".utf8, to: "out/additional_chat_templates/notes.txt")
    await #expect(throws: FileError.self) { try await bench.convert(model, to: "out", replacing: true) }
  }

  @Test(
    "Who may not read a small file may not read the output", arguments: ["config.json", "README.md"], ["o", "o.gguf"])
  func permissions(_ name: String, _ output: String) async throws {
    try write("# A model", "README.md")
    try #require(chmod(FileSystem.join(model, name), 0o600) == 0)
    let path = try await bench.convert(model, to: output, Recipe(.quantizing("f16")))
    let names = try FileSystem.isFolder(path) ? FileSystem.names(inFolder: path) : [""]
    for file in names.map({ $0.isEmpty ? path : FileSystem.join(path, $0) }) {
      var status = stat()
      try #require(stat(file, &status) == 0)
      #expect(status.st_mode & 0o777 == 0o600, "\(file)")
    }
  }

  @Test func codeGoesAlongWhereAutoMapNamesIt() async throws {
    try write(#"{"auto_map": {"AutoTokenizer": ["tokenization_own.OwnTokenizer", null]}}"#, "tokenizer_config.json")
    for name in ["tokenization_own.py", "train.py"] { try write("pass", name) }
    let output = try await bench.convert(model, to: "out")
    #expect(try FileSystem.isFile(FileSystem.join(output, "tokenization_own.py")))
    #expect(try !FileSystem.exists(FileSystem.join(output, "train.py")))
  }

  @Test func linksOutOfTheFolderAreNotFollowedWithoutAWord() throws {
    for name in ["secret.md", "chat_template.jinja"] { try bench.folder.write("s".utf8, to: name) }
    try SymbolicLink.make(at: bench.path("model/README.md"), to: bench.path("secret.md"))
    try SymbolicLink.make(at: bench.path("model/chat_template.jinja"), to: bench.path("chat_template.jinja"))
    try SymbolicLink.make(at: bench.path("model/NOTICE"), to: bench.path("model/config.json"))
    let plan = try Plan(
      converting: try Checkpoint(path: model), to: Destination(path: bench.path("out")), recipe: Recipe(.keep))
    let names = plan.sidecars.map(\.name)
    #expect(!names.contains("README.md") && names.contains("chat_template.jinja") && names.contains("NOTICE"))
    let notes = "\(plan.notes)"
    #expect(notes.contains("README.md is a link that leads out of the folder and was left behind"))
    #expect(notes.contains("chat_template.jinja is a link that leads out of the folder; the output has a copy"))
  }

  @Test func aSnapshotOfTheHubIsWhole() throws {
    for folder in ["cache", "cache/blobs", "cache/snapshots", "cache/snapshots/1a"] {
      try bench.folder.makeFolder(folder)
    }
    for name in try FileSystem.names(inFolder: model) {
      try bench.folder.write(try Workbench.bytes(model + "/" + name), to: "cache/snapshots/1a/" + name)
    }
    try bench.folder.write("# A model".utf8, to: "cache/blobs/77")
    try SymbolicLink.make(at: bench.path("cache/snapshots/1a/README.md"), to: "../../blobs/77")
    let plan = try Plan(
      converting: try Checkpoint(path: bench.path("cache/snapshots/1a")), to: Destination(path: bench.path("out")),
      recipe: Recipe(.keep))
    #expect(plan.sidecars.contains { $0.name == "README.md" && $0.bytes == Array("# A model".utf8) })
  }

  @Test func whatIsLargeIsNamed() throws {
    try bench.folder.write([UInt8](repeating: 0x20, count: 16 << 20 | 1), to: "model/README.md")
    let plan = try Plan(
      converting: try Checkpoint(path: model), to: Destination(path: bench.path("out")), recipe: Recipe(.keep))
    #expect(!plan.sidecars.contains { $0.name == "README.md" })
    #expect("\(plan.notes)".contains("README.md has 16777217 bytes and was left behind"))
  }
}
